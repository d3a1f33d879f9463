import type { Client, WatchEvent } from '#client/client.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { alreadyExistsError, notFoundError } from '#machinery/status.ts';

type Loose = Record<string, unknown>;

/**
 * The few things that the agent asks of an API, in memory, so that its tests need no server: create, get, list, watch
 * of changes, patches of the shapes that it sends, and graceful deletion of pods.
 */
export class MemoryApi {
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<(plural: string, event: WatchEvent<KubeObject>) => void>();
  #revision = 1;
  readonly posts: { readonly path: string; readonly body: unknown }[] = [];

  all<T extends KubeObject>(plural: string): readonly T[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object as T);
  }

  put(plural: string, object: KubeObject, type: 'ADDED' | 'MODIFIED' = 'MODIFIED'): KubeObject {
    this.#revision += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    this.#objects.set(keyOf(plural, stored), stored);
    for (const watcher of this.#watchers) watcher(plural, { type, object: stored });
    return stored;
  }

  drop(plural: string, object: KubeObject): void {
    this.#objects.delete(keyOf(plural, object));
    for (const watcher of this.#watchers) watcher(plural, { type: 'DELETED', object });
  }

  client(): Client {
    const find = (resource: ResourceRef, name: string, namespace = '') => {
      const found = this.#objects.get(`${resource.plural}/${namespace}/${name}`);
      if (!found) throw notFoundError({ group: resource.group, resource: resource.plural }, name);
      return found;
    };
    const api = this;
    const client = {
      async get(resource: ResourceRef, name: string, namespace?: string) {
        return find(resource, name, namespace);
      },
      async list(resource: ResourceRef, options: { namespace?: string; fieldSelector?: string } = {}) {
        const items = api.all(resource.plural).filter((object) => selected(object, options));
        return { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: String(api.#revision) }, items };
      },
      async *watch(
        resource: ResourceRef,
        options: { namespace?: string; fieldSelector?: string; signal?: AbortSignal },
      ) {
        const queue: WatchEvent<KubeObject>[] = [];
        let wake = Promise.withResolvers<void>();
        const watcher = (plural: string, event: WatchEvent<KubeObject>) => {
          if (plural !== resource.plural || !selected(event.object as KubeObject, options)) return;
          queue.push(event);
          wake.resolve();
        };
        api.#watchers.add(watcher);
        options.signal?.addEventListener('abort', () => wake.resolve(), { once: true });
        try {
          while (!options.signal?.aborted) {
            const next = queue.shift();
            if (next) yield next;
            else {
              await wake.promise;
              wake = Promise.withResolvers<void>();
            }
          }
        } finally {
          api.#watchers.delete(watcher);
        }
      },
      async create(resource: ResourceRef, object: KubeObject) {
        const { metadata } = object;
        const name = metadata.name ?? `${metadata.generateName}${api.#revision}`;
        if (api.#objects.has(`${resource.plural}/${metadata.namespace ?? ''}/${name}`))
          throw alreadyExistsError({ group: resource.group, resource: resource.plural }, name);
        const uid = metadata.uid ?? crypto.randomUUID();
        return api.put(resource.plural, { ...object, metadata: { ...metadata, name, uid } }, 'ADDED');
      },
      async update(resource: ResourceRef, object: KubeObject) {
        return api.put(resource.plural, object);
      },
      async patch(resource: ResourceRef, name: string, namespace: string | undefined, _type: string, patch: Loose) {
        return api.put(
          resource.plural,
          merged(find(resource, name, namespace) as unknown as Loose, patch) as unknown as KubeObject,
        );
      },
      async delete(resource: ResourceRef, name: string, namespace?: string, options?: { gracePeriodSeconds?: number }) {
        const object = find(resource, name, namespace);
        if (resource.plural !== 'pods' || options?.gracePeriodSeconds === 0) return api.drop(resource.plural, object);
        const grace =
          options?.gracePeriodSeconds ??
          (object as { spec?: { terminationGracePeriodSeconds?: number } }).spec?.terminationGracePeriodSeconds ??
          30;
        const metadata = {
          ...object.metadata,
          deletionTimestamp: new Date().toISOString(),
          deletionGracePeriodSeconds: grace,
        };
        api.put(resource.plural, { ...object, metadata });
      },
      async post(path: string, body: unknown) {
        api.posts.push({ path, body });
        return {
          status: {
            token: `token-${api.posts.length}`,
            expirationTimestamp: new Date(Date.now() + 3600_000).toISOString(),
          },
        };
      },
    };
    return client as unknown as Client;
  }
}

function keyOf(plural: string, { metadata }: KubeObject): string {
  return `${plural}/${metadata.namespace ?? ''}/${metadata.name}`;
}

function selected(
  object: KubeObject,
  { namespace, fieldSelector }: { namespace?: string; fieldSelector?: string },
): boolean {
  if (namespace && object.metadata.namespace !== namespace) return false;
  const [path = '', value] = fieldSelector?.split('=') ?? [];
  if (!path) return true;
  const found = path.split('.').reduce<unknown>((at, key) => (at as Loose | undefined)?.[key], object);
  return found === value;
}

function merged(target: Loose, patch: Loose): Loose {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (key === 'conditions') {
      const old = (target[key] ?? []) as Loose[];
      const changed = (value as Loose[]).map((one) => merged({}, one));
      result[key] = [...old.filter((one) => !changed.some((two) => two.type === one.type)), ...changed];
    } else if (Array.isArray(value)) result[key] = value.filter((one) => !(one as Loose)?.$patch);
    else if (typeof value === 'object') result[key] = merged((target[key] ?? {}) as Loose, value as Loose);
    else result[key] = value;
  }
  return result;
}
