import type { KubeObject } from '#machinery/object.ts';
import type { StatusError } from '#machinery/status.ts';

/**
 * The watch cache: all objects of one storage resource in memory, at the newest durable revision and, for five
 * minutes, at every revision before it. Every read, list and watch is served from here; writes compare and swap
 * against the store with the revision that was read here.
 */
export interface ResourceCache<T extends KubeObject = KubeObject> {
  /** Where the objects lie in the store, with a slash at the end: `/registry/pods/`. */
  readonly prefix: string;

  /** The newest revision that this cache shows. It moves with every write to the store, whatever resource it was to. */
  readonly revision: number;

  /** One object at the newest revision. `namespace` is '' for what is cluster-scoped. */
  get(namespace: string, name: string): CachedObject<T> | undefined;

  /** Everything at the newest revision. Costs nothing until the next write. */
  current(): Snapshot<T>;

  /**
   * Everything as it was at `revision`. Throws StatusError 410 Expired where that is no longer known. A revision that is
   * not reached yet is our caller's bug: `waitUntil` comes first.
   */
  at(revision: number): Promise<Snapshot<T>>;

  /** Resolves when `revision` is shown; throws StatusError 504 "Too large resource version" after `timeoutMs` (3 s by default, as upstream). */
  waitUntil(revision: number, timeoutMs?: number): Promise<void>;

  /** Resolves when everything is shown that was written, by anybody, before the call (a consistent read). */
  freshen(): Promise<void>;

  /**
   * Starts a watch; what happens then goes to `sink`, the first of it possibly before this returns. Errors, 410 Expired
   * among them, come through `sink.closed`.
   */
  watch(request: WatchRequest<T>, sink: WatchSink<T>): Watch;

  /** Replaces how objects are decoded (a changed CRD): decoded objects and derived bytes are made anew. */
  setDecoder(decoder: Decoder<T>): void;
}

/** Turns stored JSON (plain, storage version) into a frozen object with defaults and metadata.resourceVersion. */
export type Decoder<T extends KubeObject = KubeObject> = (bytes: Uint8Array, revision: number) => T;

/**
 * One object at one revision. The bytes are the truth; the decoded object may be dropped from memory and made anew, so
 * two calls may return two equal objects.
 */
export interface CachedObject<T extends KubeObject = KubeObject> {
  /** Key below the prefix: `namespace/name`, or `name` where cluster-scoped. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** Revision of the write that made this state: metadata.resourceVersion, and `expected` of the next write. */
  readonly revision: number;
  /** JSON in the storage version, decrypted, without resourceVersion. */
  readonly bytes: Uint8Array;
  /** Decodes on demand. Frozen, shared. */
  object(): T;
}

/** All objects of a resource at one revision; does not change. */
export interface Snapshot<T extends KubeObject = KubeObject> {
  readonly revision: number;
  get(namespace: string, name: string): CachedObject<T> | undefined;
  /**
   * Objects in key order, of one namespace or all (''), from `afterKey` (exclusive) or `fromKey` (inclusive) on.
   * Keys are those of `CachedObject.key`; they need not exist.
   */
  scan(options?: ScanOptions): Iterable<CachedObject<T>>;
  /** How many objects `scan` would give. */
  count(options?: ScanOptions): number;
}

export interface ScanOptions {
  readonly namespace?: string;
  readonly afterKey?: string;
  readonly fromKey?: string;
}

export interface WatchRequest<T extends KubeObject = KubeObject> {
  /** Only this namespace; '' or absent: all. */
  readonly namespace?: string;
  /** Only this metadata.name. */
  readonly name?: string;
  /** Only objects whose indexed field (`spec.nodeName`) has this value. */
  readonly indexed?: string;
  /** Names `matches`: two requests with equal keys match alike, and are answered together. '' : everything matches. */
  readonly filterKey: string;
  /** Label and field selector (name, namespace and indexed field are checked as well, the filter need not repeat them). */
  matches(object: T): boolean;
  /**
   * A revision: changes after it. `state`: ADDED for everything there is, then changes. `now`: changes from now on.
   */
  readonly from: number | 'state' | 'now';
  /** Send bookmarks about once a minute. */
  readonly bookmarks: boolean;
  /** After the state of `from: 'state'`, send a bookmark that says so (sendInitialEvents). */
  readonly initialEventsEnd?: boolean;
}

/** One event of a watch as every watcher with the same filter gets it: the same instance, so that its frames are shared. */
export type WatchChange<T extends KubeObject = KubeObject> = ObjectChange<T> | Bookmark;

export interface ObjectChange<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED the state before, which clients see with `revision` as its resourceVersion. */
  readonly object: CachedObject<T>;
  readonly revision: number;
  /** The bytes of this event in one encoding, made by the first watcher that asks. */
  frame<F>(encoding: string, make: () => F): F;
}

export interface Bookmark {
  readonly type: 'BOOKMARK';
  readonly revision: number;
  /** Carries the annotation `k8s.io/initial-events-end: "true"`. */
  readonly initialEventsEnd: boolean;
  frame<F>(encoding: string, make: () => F): F;
}

export interface WatchSink<T extends KubeObject = KubeObject> {
  /**
   * Takes changes, in order. Returning false says that these were taken but no more are wanted until `Watch.resume`;
   * meanwhile up to a bound are kept, beyond it the watch is closed.
   */
  send(changes: readonly WatchChange<T>[]): boolean;
  /** The watch is over by the cache's doing. With an error: send it as an ERROR event, then end. Without: just end (as upstream ends a slow watcher). */
  closed(error: StatusError | undefined): void;
}

export interface Watch extends Disposable {
  /** The sink can take more. */
  resume(): void;
}
