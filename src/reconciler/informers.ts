import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { startInformer } from '#client/start-informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';

/** One informer a resource for the informers process, started when it is first asked for. */
export interface Informers {
  of<T extends KubeObject>(resource: ResourceRef<T>): Informer<T>;
  /** The informer of a resource where one runs. */
  peek(resource: ResourceRef): Informer<KubeObject> | undefined;
}

export interface InformersOptions {
  /** Whose identity the informers read with: it must be able to list and watch whatever is asked for. */
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export function createInformers({ client, ...options }: InformersOptions): Informers {
  const informers = new Map<string, Informer<KubeObject>>();

  function shared(resource: ResourceRef): Informer<KubeObject> {
    const key = informerKey(resource);
    let informer = informers.get(key);
    if (!informer) {
      informer = startInformer(client, resource, options);
      informers.set(key, informer);
    }
    return informer;
  }

  return {
    // One key always holds the informer of one resource, so its objects are of that resource's type.
    of: <T extends KubeObject>(resource: ResourceRef<T>) => shared(resource) as Informer<T>,
    peek: (resource) => informers.get(informerKey(resource)),
  };
}

function informerKey({ group, plural }: ResourceRef): string {
  return `${group}/${plural}`;
}
