import type { Clock } from '#base/clock.ts';
import type { KubeObject } from '#machinery/object.ts';
import { goneError, StatusError, serviceUnavailableError, timeoutError } from '#machinery/status.ts';
import { isSealed, type ValueTransformer } from '#store/encryption.ts';
import type { KeyValue, Store, StoreEvent } from '#store/store.ts';
import type { Decoder, ResourceCache } from './cache.ts';
import { DecodedObjects } from './cached-object.ts';
import type { CacheEvent } from './history-window.ts';
import { type CacheSource, FedCache } from './resource-cache.ts';

export interface FeedOptions {
  readonly store: Store;
  /** Paces bookmarks, tells the age of history, and ends waits (`ioClock`). */
  readonly clock: Clock;
  /** Opens the values that are sealed. */
  readonly transformer: ValueTransformer;
  /** The store can no longer say what happens: the server has to start again. */
  readonly failed: (reason: Error) => void;
  /** A value that cannot be opened or decoded; it stays as it is, and reading it is an error. */
  readonly unreadable: (key: string, error: unknown) => void;
}

export interface CacheOptions<T extends KubeObject> {
  /** `/registry/pods/`, with a slash at the end. */
  readonly prefix: string;
  readonly decode: Decoder<T>;
  /** The value that `WatchRequest.indexed` is compared with (`spec.nodeName`). */
  readonly indexOf?: (object: T) => string;
}

/**
 * The one subscription to the store. It gives every change to the cache of its resource and moves all caches to the
 * same revision at once, so that what is read from two of them belongs together. Keys that no cache has asked for yet
 * (custom resources whose definition is still to be read) are kept as bytes.
 */
export interface Feed extends Disposable {
  readonly revision: number;
  /** Gives the objects under a prefix, from now on kept up to date. One cache a prefix. */
  open<T extends KubeObject>(options: CacheOptions<T>): ResourceCache<T>;
  /** Gives a cache up (its CRD is gone or stores elsewhere); its watches end with 410. */
  close(prefix: string): void;
  /** Resolves when `revision` is shown; StatusError 504 after `timeoutMs`. */
  waitUntil(revision: number, timeoutMs?: number): Promise<void>;
  /** Resolves when everything is shown that was written before the call. */
  freshen(): Promise<void>;
  /** Watches now open, by prefix. For metrics. */
  watchCounts(): ReadonlyMap<string, number>;
}

const REGISTRY = '/registry/';
const LOAD_PAGE = 2000;
const WAIT_MS = 3000;
/** Upstream tells clients of "Too large resource version" to come back after a second. */
const TOO_LARGE_RETRY_SECONDS = 1;
/** A watch gets a bookmark once a minute; each beat serves a twelfth of them. */
const BOOKMARK_BEAT_MS = 5000;
const BOOKMARK_BEATS = 12;

/** Loads everything there is under `/registry/` and follows the store from there. */
export async function startFeed(options: FeedOptions): Promise<Feed> {
  const feed = new StoreFeed(options);
  await feed.load();
  return feed;
}

interface Waiter {
  readonly revision: number;
  readonly reached: () => void;
}

class StoreFeed implements Feed, CacheSource {
  readonly #options: FeedOptions;
  readonly #caches = new Map<string, FedCache<KubeObject>>();
  readonly #unclaimed = new Map<string, KeyValue>();
  readonly #decoded = new DecodedObjects();
  readonly #waiters = new Set<Waiter>();
  readonly #turns = new WeakMap<object, number>();
  #nextTurn = 0;
  #beat = 0;
  #beatTimer: Disposable | undefined;
  #subscription: Disposable | undefined;
  #revision = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get revision(): number {
    return this.#revision;
  }

  now(): number {
    return this.#options.clock.now();
  }

  async load(): Promise<void> {
    const { store, failed } = this.#options;
    const revision = await store.currentRevision();
    for (const item of await this.#readAll(REGISTRY, revision)) this.#unclaimed.set(item.key, item);
    this.#revision = revision;
    // The whole key space: a write that is no object's moves the revision too.
    this.#subscription = await store.subscribe('/', revision, (events) => this.#receive(events), failed);
    this.#scheduleBeat();
  }

  async #readAll(prefix: string, revision: number): Promise<readonly KeyValue[]> {
    const all: KeyValue[] = [];
    for (let from: string | undefined = prefix; from !== undefined; ) {
      const page = await this.#options.store.range(prefix, { revision, from, limit: LOAD_PAGE });
      for (const item of page.items) all.push(this.#opened(item));
      const last = page.items.at(-1);
      from = page.more && last ? `${last.key}\0` : undefined;
    }
    return all;
  }

  #opened<Item extends KeyValue>(item: Item): Item {
    if (!isSealed(item.value)) return item;
    try {
      return { ...item, value: this.#options.transformer.open(item.key, item.value) };
    } catch (error) {
      this.#options.unreadable(item.key, error);
      return item;
    }
  }

  #openedEvent(event: StoreEvent): StoreEvent {
    const opened = this.#opened(event);
    return event.previous ? { ...opened, previous: this.#opened(event.previous) } : opened;
  }

  #receive(events: readonly StoreEvent[]): void {
    const byCache = new Map<FedCache<KubeObject>, StoreEvent[]>();
    for (const event of events) {
      // The state before is in the cache already: only this one has to be opened.
      const opened = this.#opened(event);
      const cache = this.#cacheOf(event.key);
      if (cache) {
        const own = byCache.get(cache);
        if (own) own.push(opened);
        else byCache.set(cache, [opened]);
      } else if (event.type === 'put') this.#unclaimed.set(event.key, opened);
      else this.#unclaimed.delete(event.key);
    }
    const told: (readonly [FedCache<KubeObject>, readonly CacheEvent<KubeObject>[]])[] = [];
    for (const [cache, own] of byCache) told.push([cache, cache.apply(own)]);
    this.#revision = events.at(-1)?.revision ?? this.#revision;
    for (const [cache, own] of told) cache.tell(own);
    for (const waiter of this.#waiters) if (waiter.revision <= this.#revision) waiter.reached();
  }

  /** Prefixes are one or two segments below `/registry/`: `pods/`, `services/specs/`, `example.com/widgets/`. */
  #cacheOf(key: string): FedCache<KubeObject> | undefined {
    if (!key.startsWith(REGISTRY)) return undefined;
    const first = key.indexOf('/', REGISTRY.length);
    const second = key.indexOf('/', first + 1);
    return (
      this.#caches.get(key.slice(0, first + 1)) ?? (second > 0 ? this.#caches.get(key.slice(0, second + 1)) : undefined)
    );
  }

  open<T extends KubeObject>({ prefix, decode, indexOf }: CacheOptions<T>): ResourceCache<T> {
    if (this.#caches.has(prefix)) throw new Error(`${prefix} has a cache already`);
    const state: KeyValue[] = [];
    for (const item of this.#unclaimed.values()) if (item.key.startsWith(prefix)) state.push(item);
    for (const item of state) this.#unclaimed.delete(item.key);
    const resource = { decode, decoded: this.#decoded, indexOf };
    const cache = new FedCache<T>(prefix, this, resource, state);
    // The map only feeds and asks for numbers; the objects' type is known to whoever opened the cache.
    this.#caches.set(prefix, cache as unknown as FedCache<KubeObject>);
    return cache;
  }

  close(prefix: string): void {
    const cache = this.#caches.get(prefix);
    if (!cache) return;
    this.#caches.delete(prefix);
    for (const item of cache.release(goneError('the resource is no longer served')))
      this.#unclaimed.set(item.key, item);
  }

  async waitUntil(revision: number, timeoutMs = WAIT_MS): Promise<void> {
    if (revision <= this.#revision) return;
    await new Promise<void>((resolve, reject) => {
      const timer = this.#options.clock.after(timeoutMs, () => {
        this.#waiters.delete(waiter);
        reject(tooLargeRevisionError(revision, this.#revision));
      });
      const waiter: Waiter = {
        revision,
        reached: () => {
          timer[Symbol.dispose]();
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  async freshen(): Promise<void> {
    const newest = await this.#options.store.currentRevision();
    if (newest > this.#revision) await this.waitUntil(newest);
  }

  stateAt(prefix: string, revision: number): Promise<readonly KeyValue[]> {
    return this.#readAll(prefix, revision);
  }

  async changesBetween(prefix: string, after: number, through: number): Promise<readonly StoreEvent[]> {
    const changes: StoreEvent[] = [];
    using _ = await this.#options.store.subscribe(
      prefix,
      after,
      (events) => {
        for (const event of events) if (event.revision <= through) changes.push(this.#openedEvent(event));
      },
      () => undefined,
    );
    return changes;
  }

  #scheduleBeat(): void {
    this.#beatTimer = this.#options.clock.after(BOOKMARK_BEAT_MS, () => {
      this.#beat = (this.#beat + 1) % BOOKMARK_BEATS;
      for (const cache of this.#caches.values()) cache.bookmark((watcher) => this.#turnOf(watcher) === this.#beat);
      this.#scheduleBeat();
    });
  }

  #turnOf(watcher: object): number {
    let turn = this.#turns.get(watcher);
    if (turn === undefined) {
      turn = this.#nextTurn++ % BOOKMARK_BEATS;
      this.#turns.set(watcher, turn);
    }
    return turn;
  }

  watchCounts(): ReadonlyMap<string, number> {
    return new Map([...this.#caches].map(([prefix, cache]) => [prefix, cache.watchCount] as const));
  }

  [Symbol.dispose](): void {
    this.#beatTimer?.[Symbol.dispose]();
    this.#subscription?.[Symbol.dispose]();
    for (const cache of this.#caches.values()) cache.release(serviceUnavailableError('the server is shutting down'));
    this.#caches.clear();
  }
}

/** 504 with the cause by which clients tell it from other timeouts. Source: upstream's storage errors. */
function tooLargeRevisionError(revision: number, current: number): StatusError {
  const { status } = timeoutError(`Too large resource version: ${revision}, current: ${current}`);
  return new StatusError({
    ...status,
    details: {
      retryAfterSeconds: TOO_LARGE_RETRY_SECONDS,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  });
}
