import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { Lister, Listers } from '../listers.ts';
import type { Storage } from './storage.ts';

/** Listers over the caches. A resource that is not served has nothing in it. */
export function cacheListers(storageOf: (resource: ResourceRef) => Storage | undefined): Listers {
  return <T extends KubeObject>(resource: ResourceRef<T>): Lister<T> => ({
    get(name, namespace = '') {
      // the cache of a resource holds objects of that resource
      return storageOf(resource)
        ?.get(resource.namespaced ? namespace : '', name)
        ?.object() as T | undefined;
    },
    list(namespace = '') {
      const storage = storageOf(resource);
      if (!storage) return [];
      return [...storage.cache.current().scan({ namespace })].map((entry) => entry.object() as T);
    },
  });
}
