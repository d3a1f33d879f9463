import type { KubeObject } from '#machinery/object.ts';
import type { CachedEntry } from './cached-object.ts';

/** One change of one object. At least one of the two states is there. */
export interface CacheEvent<T extends KubeObject> {
  readonly revision: number;
  /** The state after it; absent: deleted. */
  readonly object: CachedEntry<T> | undefined;
  readonly previous: CachedEntry<T> | undefined;
}

/** Clients may count on five minutes, as upstream's compaction gives them. */
export const WINDOW_MS = 5 * 60_000;
/** A busy resource keeps fewer minutes in memory; what is older is read from the store. */
const MAX_EVENTS = 10_000;
/** Bytes of states that only the window still holds. */
const MAX_PREVIOUS_BYTES = 16 * 1024 * 1024;

interface Kept<T extends KubeObject> {
  readonly event: CacheEvent<T>;
  readonly at: number;
}

/** The newest events of a resource, oldest first. Everything after the revision `start` is in it. */
export class HistoryWindow<T extends KubeObject> {
  #kept: Kept<T>[] = [];
  /** Where the oldest one is: dropping moves it, and now and then the array is cut. */
  #first = 0;
  #previousBytes = 0;
  #start: number;

  constructor(start: number) {
    this.#start = start;
  }

  get start(): number {
    return this.#start;
  }

  push(event: CacheEvent<T>, now: number): void {
    this.#kept.push({ event, at: now });
    this.#previousBytes += event.previous?.bytes.length ?? 0;
    this.trim(now);
  }

  /** Drops what is too old or too much. */
  trim(now: number): void {
    for (let oldest = this.#kept[this.#first]; oldest; oldest = this.#kept[this.#first]) {
      const tooMany = this.#kept.length - this.#first > MAX_EVENTS || this.#previousBytes > MAX_PREVIOUS_BYTES;
      if (!tooMany && now - oldest.at < WINDOW_MS) break;
      this.#first++;
      this.#previousBytes -= oldest.event.previous?.bytes.length ?? 0;
      this.#start = oldest.event.revision;
    }
    if (this.#first > 0 && this.#first * 2 >= this.#kept.length) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Events after `revision`, which must not be before `start`, oldest first. */
  *after(revision: number): Generator<CacheEvent<T>> {
    for (let index = this.#indexAfter(revision); index < this.#kept.length; index++) {
      const kept = this.#kept[index];
      if (kept) yield kept.event;
    }
  }

  /** The same, newest first. */
  *backTo(revision: number): Generator<CacheEvent<T>> {
    for (let index = this.#kept.length - 1; index >= this.#first; index--) {
      const kept = this.#kept[index];
      if (!kept || kept.event.revision <= revision) return;
      yield kept.event;
    }
  }

  /** Puts other entries in the place of those that are kept. */
  renew(renewed: (entry: CachedEntry<T>) => CachedEntry<T>): void {
    this.#kept = this.#kept.slice(this.#first).map(({ event, at }) => {
      const object = event.object && renewed(event.object);
      const previous = event.previous && renewed(event.previous);
      return { at, event: { revision: event.revision, object, previous } };
    });
    this.#first = 0;
  }

  #indexAfter(revision: number): number {
    let low = this.#first;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const kept = this.#kept[middle];
      if (kept && kept.event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
