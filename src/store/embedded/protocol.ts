import { Compacted, RevisionMismatch, type StoreEvent, StoreUnavailable } from '../store.ts';

/**
 * What passes between the serving thread and the store worker. A batch of writes goes as one message whose values lie
 * in one transferred buffer, since cloning small views one by one would copy the pools that they lie in.
 */
export type WorkerRequest =
  | { readonly id: number; readonly kind: 'write'; readonly batch: WriteBatch }
  | { readonly id: number; readonly kind: 'get'; readonly key: string }
  | {
      readonly id: number;
      readonly kind: 'range';
      readonly prefix: string;
      readonly from: string | undefined;
      readonly revision: number | undefined;
      readonly limit: number;
    }
  | { readonly id: number; readonly kind: 'count'; readonly prefix: string }
  | { readonly id: number; readonly kind: 'history'; readonly prefix: string; readonly after: number }
  | { readonly id: number; readonly kind: 'compact'; readonly revision: number }
  | { readonly id: number; readonly kind: 'expired'; readonly now: number; readonly limit: number }
  | { readonly id: number; readonly kind: 'checkpoint'; readonly mode: 'PASSIVE' | 'RESTART' }
  | { readonly id: number; readonly kind: 'quota'; readonly bytes: number }
  | { readonly id: number; readonly kind: 'close' };

/** An answer; `error` where the request failed. Answers come in the order in which the worker did the work. */
export interface WorkerReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: PlainError;
}

export interface OpenReply {
  readonly revision: number;
}

/** Fields of one write in `WriteBatch.numbers`. */
export const WRITE_FIELDS = 4;

export interface WriteBatch {
  readonly keys: readonly string[];
  /** For each key: expected revision, expiry (0: none, milliseconds), offset and length in `data` (length -1: delete). */
  readonly numbers: Float64Array;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Fields of one result in `WriteResult.numbers`. */
export const RESULT_FIELDS = 4;

export interface WriteResult {
  /**
   * For each write: its new revision, or minus one minus the key's current revision where the expectation failed;
   * previous revision; offset and length of the previous value in `data`.
   */
  readonly numbers: Float64Array;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Bytes that the write-ahead log grew by. */
  readonly logBytes: number;
}

export interface HistoryPage {
  readonly events: readonly StoreEvent[];
  /** Everything up to here has been looked at. */
  readonly through: number;
  /** Nothing newer is durable. */
  readonly complete: boolean;
}

export interface CheckpointResult {
  /** Pages in the log that are not in the database yet. */
  readonly pagesLeft: number;
}

/** An error that survives the way between threads. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly numbers: readonly number[];
}

export function plainError(error: unknown): PlainError {
  if (error instanceof Compacted)
    return { name: 'Compacted', message: error.message, numbers: [error.revision, error.compactRevision] };
  if (error instanceof Error) return { name: error.name, message: error.message, numbers: [] };
  return { name: 'Error', message: String(error), numbers: [] };
}

export function revivedError(plain: PlainError): Error {
  const [first = 0, second = 0] = plain.numbers;
  if (plain.name === 'Compacted') return new Compacted(first, second);
  if (plain.name === 'StoreUnavailable') return new StoreUnavailable(plain.message);
  return new Error(plain.message);
}

/** One write that waits for its batch. */
export interface PendingWrite {
  readonly key: string;
  /** Absent: delete. */
  readonly value: Uint8Array | undefined;
  readonly expected: number;
  readonly expiresAt: number;
  readonly resolve: (revision: number) => void;
  readonly reject: (error: Error) => void;
}

export function packBatch(writes: readonly PendingWrite[]): WriteBatch {
  let total = 0;
  for (const write of writes) total += write.value?.length ?? 0;
  const data = new Uint8Array(total);
  const numbers = new Float64Array(writes.length * WRITE_FIELDS);
  const keys: string[] = [];
  let offset = 0;
  for (const [index, write] of writes.entries()) {
    keys.push(write.key);
    numbers.set([write.expected, write.expiresAt, offset, write.value?.length ?? -1], index * WRITE_FIELDS);
    if (write.value) data.set(write.value, offset);
    offset += write.value?.length ?? 0;
  }
  return { keys, numbers, data };
}

/** What became of one write: the event it made, or why it made none. */
export function outcomeOf(write: PendingWrite, result: WriteResult, index: number): StoreEvent | RevisionMismatch {
  const at = index * RESULT_FIELDS;
  const field = (index: number) => result.numbers[at + index] ?? 0;
  const revision = field(0);
  const previousRevision = field(1);
  if (revision < 0) return new RevisionMismatch(write.key, write.expected, -1 - revision);
  const event = {
    type: write.value ? 'put' : 'delete',
    key: write.key,
    revision,
    value: write.value ?? NO_VALUE,
  } as const;
  if (previousRevision === 0) return event;
  const value = result.data.subarray(field(2), field(2) + field(3));
  return { ...event, previous: { key: write.key, value, revision: previousRevision } };
}

const NO_VALUE = new Uint8Array(0);
