import { LRUCache } from 'lru-cache';
import { assert } from '#base/assert.ts';
import type { KubeObject } from '#machinery/object.ts';
import { expiredError, internalError, StatusError } from '#machinery/status.ts';
import { Compacted, type KeyValue, type StoreEvent } from '#store/store.ts';
import type { Decoder, ResourceCache, Snapshot, Watch, WatchRequest, WatchSink } from './cache.ts';
import { CachedEntry, type Resource } from './cached-object.ts';
import { type CacheEvent, HistoryWindow } from './history-window.ts';
import { type EntryTree, entryTree, TreeSnapshot } from './snapshot.ts';
import { changeFor, matches, WatchIndex } from './watch-index.ts';
import { type Preface, SharedBookmark, type SharedChange, Watcher } from './watcher.ts';

/** Snapshots of former revisions that were asked for and are likely to be asked for again (the next page). */
const MAX_FORMER_SNAPSHOTS = 16;
const FORMER_SNAPSHOT_TTL_MS = 60_000;

/** What a cache needs from the feed that fills it. */
export interface CacheSource {
  readonly revision: number;
  readonly now: () => number;
  waitUntil(revision: number, timeoutMs: number): Promise<void>;
  freshen(): Promise<void>;
  /** All keys under the prefix as they were; throws `Compacted`. Values are decrypted. */
  stateAt(prefix: string, revision: number): Promise<readonly KeyValue[]>;
  /** Changes under the prefix after one revision and up to another; throws `Compacted`. Values are decrypted. */
  changesBetween(prefix: string, after: number, through: number): Promise<readonly StoreEvent[]>;
}

/** Upstream's wait for a revision that the cache has not reached. */
const WAIT_FOR_REVISION_MS = 3000;

export class FedCache<T extends KubeObject> implements ResourceCache<T> {
  readonly prefix: string;
  readonly #source: CacheSource;
  readonly #resource: Resource<T>;
  readonly #window: HistoryWindow<T>;
  readonly #watches = new WatchIndex<T>();
  readonly #former = new LRUCache<number, TreeSnapshot<T>>({
    max: MAX_FORMER_SNAPSHOTS,
    ttl: FORMER_SNAPSHOT_TTL_MS,
  });
  #tree: EntryTree<T> = entryTree();
  /** The tree as it was given out last, while nothing has changed since. */
  #shared: EntryTree<T> | undefined;

  constructor(prefix: string, source: CacheSource, resource: Resource<T>, state: readonly KeyValue[]) {
    this.prefix = prefix;
    this.#source = source;
    this.#resource = resource;
    this.#window = new HistoryWindow(source.revision);
    for (const item of state) {
      const entry = this.#entryOf(item);
      this.#tree.set(entry.key, entry);
    }
  }

  get revision(): number {
    return this.#source.revision;
  }

  get(namespace: string, name: string): CachedEntry<T> | undefined {
    return this.#tree.get(namespace ? `${namespace}/${name}` : name);
  }

  current(): TreeSnapshot<T> {
    this.#shared ??= this.#tree.clone();
    return new TreeSnapshot(this.revision, this.#shared);
  }

  async at(revision: number): Promise<Snapshot<T>> {
    assert(revision <= this.revision, `${this.prefix}: revision ${revision} was asked for before it was reached`);
    if (revision === this.revision) return this.current();
    const kept = this.#former.get(revision);
    if (kept) return kept;
    const snapshot = revision >= this.#window.start ? this.#undoneTo(revision) : await this.#readAt(revision);
    this.#former.set(revision, snapshot);
    return snapshot;
  }

  #undoneTo(revision: number): TreeSnapshot<T> {
    const tree = this.#tree.clone();
    for (const { object, previous } of this.#window.backTo(revision)) {
      if (previous) tree.set(previous.key, previous);
      else if (object) tree.delete(object.key);
    }
    return new TreeSnapshot(revision, tree);
  }

  async #readAt(revision: number): Promise<TreeSnapshot<T>> {
    try {
      const tree = entryTree<T>();
      for (const item of await this.#source.stateAt(this.prefix, revision)) {
        const key = item.key.slice(this.prefix.length);
        const current = this.#tree.get(key);
        tree.set(key, current?.revision === item.revision ? current : this.#entryOf(item));
      }
      return new TreeSnapshot(revision, tree);
    } catch (error) {
      if (error instanceof Compacted) throw expiredError('The resourceVersion for the provided list is too old.');
      throw error;
    }
  }

  waitUntil(revision: number, timeoutMs = WAIT_FOR_REVISION_MS): Promise<void> {
    return this.#source.waitUntil(revision, timeoutMs);
  }

  freshen(): Promise<void> {
    return this.#source.freshen();
  }

  /** First half of a batch: the state changes. The events are for `tell`, after the revision has moved everywhere. */
  apply(changes: readonly StoreEvent[]): readonly CacheEvent<T>[] {
    const now = this.#source.now();
    this.#shared = undefined;
    return changes.map((change) => {
      const key = change.key.slice(this.prefix.length);
      const previous = this.#tree.get(key);
      const object = change.type === 'put' ? this.#entryOf(change) : undefined;
      if (object) this.#tree.set(key, object);
      else this.#tree.delete(key);
      const event = { revision: change.revision, object, previous };
      this.#window.push(event, now);
      return event;
    });
  }

  /** Second half of a batch: the watches are told. */
  tell(events: readonly CacheEvent<T>[]): void {
    const touched = new Set<Watcher<T>>();
    for (const event of events) this.#watches.dispatch(event, touched);
    for (const watcher of touched) watcher.flush();
  }

  watch(request: WatchRequest<T>, sink: WatchSink<T>): Watch {
    const now = this.revision;
    const after = typeof request.from === 'number' ? Math.max(request.from, now) : now;
    const watcher: Watcher<T> = new Watcher(request, sink, after, () => this.#watches.remove(watcher));
    this.#watches.add(watcher);
    watcher.start(this.#preface(request, now));
    return watcher;
  }

  #preface(request: WatchRequest<T>, now: number): Preface<T> {
    if (request.from === 'now') return { kind: 'none' };
    if (request.from === 'state') {
      const end = request.initialEventsEnd ? new SharedBookmark(now, true) : undefined;
      return { kind: 'state', objects: wanted(request, this.current()), end };
    }
    if (request.from >= now) return { kind: 'none' };
    return { kind: 'history', changes: this.#changesSince(request, request.from, now) };
  }

  async #changesSince(request: WatchRequest<T>, from: number, now: number): Promise<readonly SharedChange<T>[]> {
    // Taken at once: the window moves on while the store is read.
    const recent = [...this.#window.after(Math.max(from, this.#window.start))].filter((event) => event.revision <= now);
    const start = this.#window.start;
    const older = from < start ? await this.#readChanges(from, Math.min(start, now)) : [];
    return [...older, ...recent]
      .map((event) => changeFor(request, event))
      .filter((change): change is SharedChange<T> => change !== undefined);
  }

  async #readChanges(from: number, through: number): Promise<readonly CacheEvent<T>[]> {
    try {
      const changes = await this.#source.changesBetween(this.prefix, from, through);
      return changes.map((change) => ({
        revision: change.revision,
        object: change.type === 'put' ? this.#entryOf(change) : undefined,
        previous: change.previous && this.#entryOf(change.previous),
      }));
    } catch (error) {
      if (error instanceof Compacted)
        throw expiredError(`too old resource version: ${from} (${error.compactRevision})`);
      if (error instanceof StatusError) throw error;
      throw internalError(`history of ${this.prefix} cannot be read: ${String(error)}`);
    }
  }

  setDecoder(decoder: Decoder<T>): void {
    this.#resource.decode = decoder;
    // New entries: what was decoded or encoded of the old ones is found through them, and goes with them.
    const renewed = new Map<CachedEntry<T>, CachedEntry<T>>();
    const renew = (entry: CachedEntry<T>): CachedEntry<T> => {
      const made = renewed.get(entry) ?? new CachedEntry(this.#resource, entry.key, entry.revision, entry.bytes);
      renewed.set(entry, made);
      return made;
    };
    const tree = entryTree<T>();
    for (const [key, entry] of this.#tree.entries()) tree.set(key, renew(entry));
    this.#tree = tree;
    this.#shared = undefined;
    this.#window.renew(renew);
    this.#former.clear();
  }

  /** Tells the watches that want bookmarks and whose turn it is how far they have come. */
  bookmark(turn: (watcher: object) => boolean): void {
    const shared = new SharedBookmark(this.revision, false);
    for (const watcher of [...this.#watches.watchers()]) {
      if (!watcher.request.bookmarks || !watcher.caughtUp || !turn(watcher)) continue;
      watcher.push(shared);
      watcher.flush();
    }
    this.#window.trim(this.#source.now());
  }

  /** Watches now open. */
  get watchCount(): number {
    return this.#watches.size;
  }

  /** Everything as it lies in the store: the cache is given up. Watches are ended. */
  release(error: StatusError | undefined): readonly KeyValue[] {
    for (const watcher of [...this.#watches.watchers()]) watcher.end(error);
    return [...this.#tree.values()].map(({ key, revision, bytes }) => ({
      key: this.prefix + key,
      revision,
      value: bytes,
    }));
  }

  #entryOf({ key, revision, value }: KeyValue): CachedEntry<T> {
    return new CachedEntry(this.#resource, key.slice(this.prefix.length), revision, ownBytes(value));
  }
}

/** A small Buffer lies in a pool that it would keep alive as a whole, for as long as the object lives. */
function ownBytes(value: Uint8Array): Uint8Array {
  return value.buffer.byteLength === value.length ? value : new Uint8Array(value);
}

/** Undefined for an object that was looked at and is not wanted. */
function* wanted<T extends KubeObject>(
  request: WatchRequest<T>,
  snapshot: TreeSnapshot<T>,
): Generator<CachedEntry<T> | undefined> {
  if (request.namespace && request.name !== undefined) {
    const entry = snapshot.get(request.namespace, request.name);
    if (entry && matches(request, entry)) yield entry;
    return;
  }
  const options = request.namespace ? { namespace: request.namespace } : {};
  for (const entry of snapshot.scan(options)) yield matches(request, entry) ? entry : undefined;
}
