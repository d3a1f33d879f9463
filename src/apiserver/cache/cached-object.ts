import { LRUCache } from 'lru-cache';
import type { KubeObject } from '#machinery/object.ts';
import { internalError } from '#machinery/status.ts';
import { isSealed } from '#store/encryption.ts';
import type { CachedObject, Decoder } from './cache.ts';

/** Decoded objects take about four times the memory of their bytes; this bounds the bytes that they were made from. */
const MAX_DECODED_BYTES = 24 * 1024 * 1024;

/** The decoded objects of all resources that are worth keeping: those used last. */
export class DecodedObjects {
  readonly #objects = new LRUCache<CachedObject, KubeObject>({ maxSize: MAX_DECODED_BYTES });

  get(entry: CachedObject): KubeObject | undefined {
    return this.#objects.get(entry);
  }

  keep(entry: CachedObject, object: KubeObject): void {
    this.#objects.set(entry, object, { size: Math.max(1, entry.bytes.length) });
  }
}

/** What all objects of one resource share. */
export interface Resource<T extends KubeObject> {
  decode: Decoder<T>;
  readonly decoded: DecodedObjects;
  /** The value by which watches are indexed beside namespace and name (`spec.nodeName`), where the resource has one. */
  readonly indexOf?: ((object: T) => string) | undefined;
}

export class CachedEntry<T extends KubeObject> implements CachedObject<T> {
  readonly key: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly #resource: Resource<T>;
  #indexed: string | undefined;

  constructor(resource: Resource<T>, key: string, revision: number, bytes: Uint8Array) {
    this.#resource = resource;
    this.key = key;
    this.revision = revision;
    this.bytes = bytes;
  }

  get namespace(): string {
    return this.key.slice(0, Math.max(0, this.key.indexOf('/')));
  }

  get name(): string {
    return this.key.slice(this.key.indexOf('/') + 1);
  }

  object(): T {
    const { decoded, decode } = this.#resource;
    const kept = decoded.get(this);
    // Only this entry's own decoder has put it there.
    if (kept) return kept as T;
    // Sealed still: it could not be opened, and must not be taken for broken JSON.
    if (isSealed(this.bytes)) throw internalError(`${this.key} (revision ${this.revision}) cannot be decrypted`);
    const object = decode(this.bytes, this.revision);
    decoded.keep(this, object);
    return object;
  }

  /** The indexed value; '' where the resource has none. */
  indexed(): string {
    this.#indexed ??= this.#resource.indexOf?.(this.object()) ?? '';
    return this.#indexed;
  }
}

export function objectKey(namespace: string, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}
