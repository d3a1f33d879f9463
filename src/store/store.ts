import { assert } from '#base/assert.ts';

/**
 * The revisioned key-value contract. The store is the durable, ordered log of the cluster: every write gets one
 * increasing revision, nothing is visible before it is durable, and history can be watched from a revision until it
 * is compacted. Two implementations (embedded SQLite, etcd) pass one suite (`contract.ts`).
 */
export interface Store extends AsyncDisposable {
  /** The newest revision that is visible here: everything up to it has been given to the subscribers. */
  readonly revision: number;

  /**
   * The newest revision that anybody had written when this was called. A consistent read waits until `revision` has
   * reached it. Where this process is the only writer the two are the same.
   */
  currentRevision(): Promise<number>;

  /** One key at the newest revision. */
  get(key: string): Promise<KeyValue | undefined>;

  /**
   * Keys that start with `prefix`, in the order of their UTF-8 bytes. May stop before `limit` where the values are
   * large; `more` says so. Throws `Compacted` for a revision that history no longer holds.
   */
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>;

  count(prefix: string): Promise<number>;

  /**
   * Writes one key when its revision is `expected` (0: it does not exist), else throws `RevisionMismatch`.
   * Resolves with the new revision once the write is durable and every subscriber has been given it. The store keeps
   * `value` and hands it on: the caller must not change it any more. Any other rejection than `RevisionMismatch` and
   * `ValueTooLarge` leaves open whether the write happened.
   * `expiresAt`: milliseconds since the epoch after which the key is deleted, as if by a caller.
   */
  put(key: string, value: Uint8Array, expected: number, options?: { readonly expiresAt?: number }): Promise<number>;

  /** Deletes one key when its revision is `expected`, else throws `RevisionMismatch`. Resolves with the revision of the deletion. */
  delete(key: string, expected: number): Promise<number>;

  /**
   * Calls `listener` with every change after `fromRevision` under `prefix`, once, in order, in batches; first what
   * history holds, then what happens. Throws `Compacted` where history does not reach back that far. Resolves when
   * the listener has been given what history held; from then on it is called before writes resolve.
   * `closed` is called with the reason when the store can no longer keep that promise.
   */
  subscribe(
    prefix: string,
    fromRevision: number,
    listener: (events: readonly StoreEvent[]) => void,
    closed: (reason: Error) => void,
  ): Promise<Disposable>;

  /**
   * Forgets history before `revision`: watches and reads from before it throw `Compacted` from now on. Resolves when
   * the space is free; writers go on meanwhile.
   */
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
  /** What the key held before; absent where it did not exist. */
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
  /** The revision that was asked for. */
  readonly revision: number;
  readonly compactRevision: number;
  constructor(revision: number, compactRevision: number) {
    super(`revision ${revision} has been compacted; history starts at ${compactRevision}`);
    this.name = 'Compacted';
    this.revision = revision;
    this.compactRevision = compactRevision;
  }
}

/** Upstream's limit of one request to etcd (--max-request-bytes). */
export const MAX_VALUE_BYTES = 1.5 * 1024 * 1024;

/** A value over `MAX_VALUE_BYTES`. Nothing was written. */
export class ValueTooLarge extends Error {
  constructor(key: string, bytes: number) {
    super(`${key}: ${bytes} bytes are more than the store takes (${MAX_VALUE_BYTES})`);
    this.name = 'ValueTooLarge';
  }
}

/** The store cannot write (disk full, I/O error) or is closed; reads may still work. The message says what to do. */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

/** The first text that sorts after everything that starts with `prefix`, which ends in an ASCII character (a slash). */
export function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  assert(last < 0x7f, 'a prefix of keys ends in an ASCII character');
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}
