import { parseJson } from '#machinery/codec/json.ts';
import { deepFreeze, type Draft, type KubeObject } from '#machinery/object.ts';
import type { ResourceDefinition, ResourceRef } from '#machinery/resource/definition.ts';
import { showGroupResource } from '#machinery/status.ts';
import type { ValueTransformer } from '#store/encryption.ts';
import type { Store } from '#store/store.ts';
import type { Decoder } from '../cache/cache.ts';
import type { Feed } from '../cache/feed.ts';
import { Storage } from './storage.ts';

/** The field by which watches are indexed where a resource can be selected by it. */
export const INDEXED_FIELD = 'spec.nodeName';

export interface CatalogOptions {
  readonly feed: Feed;
  readonly store: Store;
  readonly transformer: ValueTransformer | undefined;
}

/** The storages of all resources, by definition. Resources of two groups may share one. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #storages = new Map<string, Storage>();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** Opens the storage of a definition; that of the definition which it shares storage with must be open already. */
  open(definition: ResourceDefinition): Storage {
    const shared = definition.sharesStorageWith;
    const storage = shared ? this.#storages.get(shared) : this.#create(definition);
    if (!storage)
      throw new Error(`${definition.plural}.${definition.group} shares storage with ${shared}, which is not open`);
    this.#storages.set(nameOf(definition), storage);
    return storage;
  }

  find(resource: ResourceRef): Storage | undefined {
    return this.#storages.get(nameOf(resource));
  }

  /** Objects by resource, for metrics. */
  *counts(): Iterable<readonly [resource: string, count: number]> {
    for (const [name, storage] of this.#storages) {
      if (name === nameOf(storage.definition)) yield [name, storage.cache.current().count()];
    }
  }

  #create(definition: ResourceDefinition): Storage {
    const { feed, store, transformer } = this.#options;
    const version = definition.versions.find((one) => one.version === definition.storageVersion);
    const indexOf = version?.selectableFields[INDEXED_FIELD];
    const cache = feed.open({
      prefix: `/registry/${definition.storagePath}/`,
      decode: decoderOf(definition),
      ...(indexOf ? { indexOf } : {}),
    });
    return new Storage({ definition, cache, store, transformer });
  }
}

function nameOf({ group, plural }: ResourceRef): string {
  return showGroupResource({ group, resource: plural });
}

/** Stored objects are read with today's defaults: what was written by an older version gets what it lacks. */
function decoderOf({ strategy }: ResourceDefinition): Decoder {
  return (bytes, revision) => {
    const object = parseJson(bytes).value as Draft<KubeObject>; // written by this registry
    object.metadata.resourceVersion = String(revision);
    strategy.defaults?.(object);
    return deepFreeze(object) as KubeObject;
  };
}
