/**
 * The revisioned key-value contract. The store is the durable, ordered log of the cluster: every write gets one
 * increasing revision, nothing is visible before it is durable, and history can be watched from a revision until it
 * is compacted. Two implementations (embedded SQLite, etcd) pass one suite (`contract.ts`).
 */
export interface Store extends AsyncDisposable {
  /** The newest revision that is visible. */
  readonly revision: number;

  /** One key at the newest revision. */
  get(key: string): Promise<KeyValue | undefined>;

  /** Keys that start with `prefix`, in key order. */
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>;

  count(prefix: string): Promise<number>;

  /**
   * Writes one key when its revision is `expected` (0: it does not exist), else throws `RevisionMismatch`.
   * Resolves with the new revision once the write is durable and every subscriber has been given it.
   */
  put(key: string, value: Uint8Array, expected: number, options?: { readonly expiresAt?: number }): Promise<number>;

  /** Deletes one key when its revision is `expected`, else throws `RevisionMismatch`. Resolves with the revision of the deletion. */
  delete(key: string, expected: number): Promise<number>;

  /**
   * Calls `listener` with every change after `fromRevision` under `prefix`, once, in order, in batches; first what
   * history holds, then what happens. Throws `Compacted` where history does not reach back that far.
   * `closed` is called with the reason when the store can no longer keep that promise.
   */
  subscribe(
    prefix: string,
    fromRevision: number,
    listener: (events: readonly StoreEvent[]) => void,
    closed: (reason: Error) => void,
  ): Promise<Disposable>;

  /** Forgets history before `revision`: watches and reads from before it throw `Compacted`. */
  compact(revision: number): Promise<void>;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the last write of this key. */
  readonly revision: number;
}

export interface RangeOptions {
  /** Read as it was at this revision. */
  readonly revision?: number;
  /** Start at this key (inclusive) instead of the prefix. */
  readonly from?: string;
  readonly limit?: number;
}

export interface RangeResult {
  readonly items: readonly KeyValue[];
  readonly revision: number;
  /** There are further keys after the last item. */
  readonly more: boolean;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  /** The new value; for a deletion empty. */
  readonly value: Uint8Array;
  /** What the key held before, where history still has it. */
  readonly previous?: KeyValue;
}

/** A compare-and-swap that lost. `current` is the key's revision now, 0 where it does not exist. */
export class RevisionMismatch extends Error {
  readonly current: number;
  constructor(key: string, expected: number, current: number) {
    super(`${key} is at revision ${current}, not ${expected}`);
    this.name = 'RevisionMismatch';
    this.current = current;
  }
}

/** History before `compactRevision` is gone. */
export class Compacted extends Error {
  readonly compactRevision: number;
  constructor(revision: number, compactRevision: number) {
    super(`revision ${revision} has been compacted; history starts at ${compactRevision}`);
    this.name = 'Compacted';
    this.compactRevision = compactRevision;
  }
}
