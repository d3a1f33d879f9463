import { stringifyJson } from '#machinery/codec/json.ts';
import type { KubeObject } from '#machinery/object.ts';
import { entityTooLargeError } from '#machinery/status.ts';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import type { ValueTransformer } from '#store/encryption.ts';
import { MAX_VALUE_BYTES, type Store, ValueTooLarge } from '#store/store.ts';
import type { CachedObject, ResourceCache } from '../cache/cache.ts';

export interface StorageOptions {
  /** Whose storage version the objects have. */
  readonly definition: ResourceDefinition;
  readonly cache: ResourceCache;
  readonly store: Store;
  /** Seals values, where the definition asks for it. */
  readonly transformer: ValueTransformer | undefined;
}

/** Where the objects of a resource are: read from its cache, written to the store. */
export class Storage {
  readonly definition: ResourceDefinition;
  readonly cache: ResourceCache;
  readonly #store: Store;
  readonly #transformer: ValueTransformer | undefined;

  constructor({ definition, cache, store, transformer }: StorageOptions) {
    this.definition = definition;
    this.cache = cache;
    this.#store = store;
    this.#transformer = definition.encrypted ? transformer : undefined;
  }

  get(namespace: string, name: string): CachedObject | undefined {
    return this.cache.get(namespace, name);
  }

  /**
   * Compares and swaps; resolves with the new revision, which the cache then shows. Throws RevisionMismatch and StatusError 413.
   * `now` in milliseconds, for what expires.
   */
  async write(object: KubeObject, bytes: Uint8Array, expected: number, now: number): Promise<number> {
    const key = this.#key(object);
    const { ttlMs } = this.definition;
    const value = this.#transformer ? this.#transformer.seal(key, bytes) : bytes;
    const options = ttlMs === undefined ? {} : { expiresAt: now + ttlMs };
    const revision = await this.#store.put(key, value, expected, options).catch(tooLarge);
    await this.cache.waitUntil(revision);
    return revision;
  }

  /** Throws RevisionMismatch. */
  async remove(object: KubeObject, expected: number): Promise<number> {
    const revision = await this.#store.delete(this.#key(object), expected);
    await this.cache.waitUntil(revision);
    return revision;
  }

  #key({ metadata }: KubeObject): string {
    const { namespace, name = '' } = metadata;
    return this.cache.prefix + (this.definition.namespaced ? `${namespace}/${name}` : name);
  }
}

/** A request may be larger than an object: the client is told which limit it has passed. */
function tooLarge(error: unknown): never {
  if (!(error instanceof ValueTooLarge)) throw error;
  throw entityTooLargeError(`Request entity too large: limit of an object is ${MAX_VALUE_BYTES}`);
}

/** An object as it lies in the store: JSON, without resourceVersion, which is the revision of the write. */
export function storedBytes(object: KubeObject): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion: _, ...stored } = metadata;
  return Buffer.from(stringifyJson({ apiVersion, kind, metadata: stored, ...rest }));
}
