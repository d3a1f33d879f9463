import { LRUCache } from 'lru-cache';
import type { CachedObject } from './cache.ts';

/** What all encodings together may take. */
const MAX_DERIVED_BYTES = 32 * 1024 * 1024;
/** Bookkeeping of one entry, counted so that many small ones have a bound too. */
const ENTRY_BYTES = 200;

interface Entry {
  readonly object: CachedObject;
  readonly form: string;
  readonly value: unknown;
}

/**
 * Encodings of objects, made on demand and shared by every answer, list and watch that needs them. An entry is found
 * through its object (one state of it) and the name of its form, which says everything else that it depends on: served
 * version, media type, transform. Those unused longest go first; those of objects that are gone go with them.
 */
export class DerivedBytes {
  readonly #forms = new WeakMap<CachedObject, Entry[]>();
  readonly #entries: LRUCache<Entry, number>;

  constructor(maxBytes = MAX_DERIVED_BYTES) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (bytes) => bytes + ENTRY_BYTES,
      dispose: (_bytes, entry) => this.#drop(entry),
    });
  }

  /** The value of a form; `make` gives it with the bytes that it holds. One form names one type of value. */
  get<Value>(object: CachedObject, form: string, make: () => { readonly value: Value; readonly bytes: number }): Value {
    const forms = this.#forms.get(object);
    const found = forms?.find((entry) => entry.form === form);
    if (found) {
      this.#entries.get(found);
      return found.value as Value;
    }
    const { value, bytes } = make();
    const entry = { object, form, value };
    if (forms) forms.push(entry);
    else this.#forms.set(object, [entry]);
    this.#entries.set(entry, bytes);
    return value;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  #drop(entry: Entry): void {
    const forms = this.#forms.get(entry.object);
    const index = forms?.indexOf(entry) ?? -1;
    if (index >= 0) forms?.splice(index, 1);
    if (forms?.length === 0) this.#forms.delete(entry.object);
  }
}
