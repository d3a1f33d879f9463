import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';

/**
 * Keeps a controller from acting on a cache that does not show its own writes yet (it would create a pod twice). What
 * a reconcile of a key wrote is remembered by revision, and the key is not reconciled again before the informers have
 * come that far. It replaces upstream's expectations: it also covers updates, and it counts nothing that could be
 * counted wrong.
 */
export class OwnWrites {
  readonly #pending = new Map<string, Pending[]>();
  readonly #informerOf: (resource: ResourceRef) => Informer<KubeObject> | undefined;

  constructor(informerOf: (resource: ResourceRef) => Informer<KubeObject> | undefined) {
    this.#informerOf = informerOf;
  }

  /** Whether the informers show all that was written for `key`. */
  seen(key: string): boolean {
    const pending = this.#pending.get(key);
    if (!pending) return true;
    const left = pending.filter((write) => !write.seen());
    if (left.length > 0) this.#pending.set(key, left);
    else this.#pending.delete(key);
    return left.length === 0;
  }

  /** Gives up waiting, e.g. after a watch has been broken for long. */
  forget(key: string): void {
    this.#pending.delete(key);
  }

  /** `client`, remembering what is written through it as done for `key`. */
  clientFor(key: string, client: Client): Client {
    const wrote = <T extends KubeObject>(resource: ResourceRef<T>, object: T): T => {
      const informer = this.#informerOf(resource);
      const revision = Number(object.metadata.resourceVersion);
      if (informer && revision > informer.revision) this.#add(key, { seen: () => informer.revision >= revision });
      return object;
    };
    return {
      ...client,
      create: async (resource, object, options) => wrote(resource, await client.create(resource, object, options)),
      update: async (resource, object, options) => wrote(resource, await client.update(resource, object, options)),
      updateStatus: async (resource, object, options) =>
        wrote(resource, await client.updateStatus(resource, object, options)),
      patch: async (resource, ...rest) => wrote(resource, await client.patch(resource, ...rest)),
      delete: async (resource, name, namespace, options) => {
        const informer = this.#informerOf(resource);
        const uid = options?.uid ?? informer?.get(name, namespace)?.metadata.uid;
        try {
          await client.delete(resource, name, namespace, options);
        } catch (error) {
          if (!isStatus(error, 'NotFound')) throw error; // The cache is behind the deletion, by whomever it was.
        }
        if (informer) this.#add(key, { seen: () => isGoing(informer.get(name, namespace), uid) });
      },
    };
  }

  #add(key: string, write: Pending): void {
    const pending = this.#pending.get(key);
    if (pending) pending.push(write);
    else this.#pending.set(key, [write]);
  }
}

interface Pending {
  seen(): boolean;
}

function isGoing(object: KubeObject | undefined, uid: string | undefined): boolean {
  return !object || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined;
}
