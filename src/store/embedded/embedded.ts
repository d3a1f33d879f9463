import type { Clock } from '#base/clock.ts';
import {
  type KeyValue,
  MAX_VALUE_BYTES,
  type RangeOptions,
  type RangeResult,
  RevisionMismatch,
  type Store,
  type StoreEvent,
  StoreUnavailable,
  ValueTooLarge,
} from '../store.ts';
import { Checkpoints } from './checkpoints.ts';
import {
  type HistoryPage,
  type OpenReply,
  outcomeOf,
  packBatch,
  type PendingWrite,
  type WriteResult,
} from './protocol.ts';
import { WorkerPort } from './worker-port.ts';

export interface EmbeddedOptions {
  /** File of the database, in a directory that exists and is ours alone; `:memory:` keeps everything in memory. */
  readonly path: string;
  /** Says when keys expire (`apiClock`). */
  readonly clock: Clock;
  /** Paces checkpoints (`ioClock`). */
  readonly ioClock: Clock;
  /** Entry of the worker thread, a module that calls `runStoreWorker`. Default: the one beside this. */
  readonly workerEntry?: URL;
  /** The database grows no further than this, then writes fail as on a full disk. */
  readonly quotaBytes?: number;
}

/** Twice what etcd is given by default, since no second copy is kept while compacting. */
const DEFAULT_QUOTA_BYTES = 4 * 1024 ** 3;
/** One commit takes no more than this. */
const MAX_BATCH_WRITES = 1000;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** While one batch is being made durable the next is already with the worker. */
const MAX_BATCHES_IN_FLIGHT = 2;
/** Writes that may wait; more are refused at once. */
const MAX_QUEUED_WRITES = 20_000;
const EXPIRY_EVERY_MS = 5000;
const MAX_EXPIRED_AT_ONCE = 500;

/** Opens, or creates, the embedded store: SQLite in a worker thread. Throws StoreUnavailable with what to do about it. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Store> {
  const entry = options.workerEntry ?? defaultEntry();
  const store = new EmbeddedStore(options, entry);
  await store.open(options.quotaBytes ?? DEFAULT_QUOTA_BYTES);
  return store;
}

/** Beside the sources, or beside the built chunk that this has become part of (scripts/build.ts names it). */
function defaultEntry(): URL {
  const unbuilt = import.meta.url.endsWith('.ts');
  return new URL(unbuilt ? './worker-entry.ts' : './store-worker.mjs', import.meta.url);
}

interface Subscriber {
  readonly prefix: string;
  readonly listener: (events: readonly StoreEvent[]) => void;
  readonly closed: (reason: Error) => void;
  /** It has been given what history held, and gets what happens. */
  live: boolean;
}

class EmbeddedStore implements Store {
  readonly #options: EmbeddedOptions;
  readonly #writer: WorkerPort;
  readonly #checkpoints: Checkpoints;
  readonly #subscribers = new Set<Subscriber>();
  #queue: PendingWrite[] = [];
  #batchesInFlight = 0;
  #revision = 0;
  #expiry: Disposable | undefined;
  #closed: Error | undefined;

  constructor(options: EmbeddedOptions, entry: URL) {
    this.#options = options;
    this.#writer = new WorkerPort(entry, { storeWorker: 'writer', path: options.path }, (reason) => this.#end(reason));
    this.#checkpoints = new Checkpoints(options, entry, this.#writer, {
      busy: () => this.#batchesInFlight > 0,
      released: () => this.#flush(),
    });
  }

  async open(quotaBytes: number): Promise<void> {
    const opened = (await this.#writer.opened()) as OpenReply;
    this.#revision = opened.revision;
    await this.#writer.request({ kind: 'quota', bytes: quotaBytes });
    this.#scheduleExpiry();
  }

  get revision(): number {
    return this.#revision;
  }

  currentRevision(): Promise<number> {
    return Promise.resolve(this.#revision);
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return (await this.#writer.request({ kind: 'get', key })) as KeyValue | undefined;
  }

  async range(prefix: string, { revision, from, limit = Infinity }: RangeOptions = {}): Promise<RangeResult> {
    return (await this.#writer.request({ kind: 'range', prefix, from, revision, limit })) as RangeResult;
  }

  async count(prefix: string): Promise<number> {
    return (await this.#writer.request({ kind: 'count', prefix })) as number;
  }

  put(key: string, value: Uint8Array, expected: number, options: { readonly expiresAt?: number } = {}) {
    if (value.length > MAX_VALUE_BYTES) return Promise.reject(new ValueTooLarge(key, value.length));
    return this.#write(key, value, expected, options.expiresAt ?? 0);
  }

  delete(key: string, expected: number): Promise<number> {
    return this.#write(key, undefined, expected, 0);
  }

  #write(key: string, value: Uint8Array | undefined, expected: number, expiresAt: number): Promise<number> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (this.#queue.length >= MAX_QUEUED_WRITES)
      return Promise.reject(new StoreUnavailable(`${MAX_QUEUED_WRITES} writes are waiting already: try again later`));
    return new Promise((resolve, reject) => {
      this.#queue.push({ key, value, expected, expiresAt, resolve, reject });
      // What is written in the same turn of the loop goes as one batch.
      if (this.#queue.length === 1) setImmediate(() => this.#flush());
    });
  }

  /** Sends what waits as one batch, unless enough is on its way or the log must shrink first. */
  #flush(): void {
    while (this.#queue.length > 0 && this.#batchesInFlight < MAX_BATCHES_IN_FLIGHT && !this.#checkpoints.holdWrites) {
      const writes = this.#takeBatch();
      const batch = packBatch(writes);
      this.#batchesInFlight++;
      this.#writer.requestInOrder({ kind: 'write', batch }, [batch.data.buffer], {
        resolve: (result) => this.#written(writes, result as WriteResult),
        reject: (error) => {
          this.#batchesInFlight--;
          for (const write of writes) write.reject(error);
          this.#flush();
        },
      });
    }
  }

  #takeBatch(): PendingWrite[] {
    let count = 0;
    let bytes = 0;
    for (const write of this.#queue) {
      if (count > 0 && (count >= MAX_BATCH_WRITES || bytes >= MAX_BATCH_BYTES)) break;
      count++;
      bytes += write.value?.length ?? 0;
    }
    return this.#queue.splice(0, count);
  }

  /** A batch is durable: subscribers first, then the writers. */
  #written(writes: readonly PendingWrite[], result: WriteResult): void {
    this.#batchesInFlight--;
    // The worker is kept busy while we tell everybody.
    this.#flush();
    const outcomes = writes.map((write, index) => outcomeOf(write, result, index));
    const events = outcomes.filter((outcome): outcome is StoreEvent => !(outcome instanceof RevisionMismatch));
    this.#revision = events.at(-1)?.revision ?? this.#revision;
    this.#publish(events);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome instanceof RevisionMismatch) writes[index]?.reject(outcome);
      else writes[index]?.resolve(outcome.revision);
    }
    this.#checkpoints.grown(result.logBytes);
  }

  #publish(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    for (const { live, prefix, listener } of [...this.#subscribers]) {
      if (!live) continue;
      const wanted = events.filter((event) => event.key.startsWith(prefix));
      if (wanted.length > 0) listener(wanted);
    }
  }

  async subscribe(
    prefix: string,
    fromRevision: number,
    listener: (events: readonly StoreEvent[]) => void,
    closed: (reason: Error) => void,
  ): Promise<Disposable> {
    if (this.#closed) throw this.#closed;
    const subscriber: Subscriber = { prefix, listener, closed, live: false };
    this.#subscribers.add(subscriber);
    try {
      await this.#replay(subscriber, fromRevision);
    } catch (error) {
      this.#subscribers.delete(subscriber);
      throw error;
    }
    return { [Symbol.dispose]: () => this.#subscribers.delete(subscriber) };
  }

  /** Gives history page by page; with the last page, and before any later event, the subscriber goes live. */
  #replay(subscriber: Subscriber, after: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { prefix, listener } = subscriber;
      const nextPage = (from: number) => {
        this.#writer.requestInOrder({ kind: 'history', prefix, after: from }, [], {
          reject,
          resolve: (result) => {
            const page = result as HistoryPage;
            const events = page.events.filter((event) => event.revision > after);
            if (events.length > 0) listener(events);
            if (!page.complete) {
              nextPage(page.through);
              return;
            }
            subscriber.live = true;
            resolve();
          },
        });
      };
      nextPage(after);
    });
  }

  async compact(revision: number): Promise<void> {
    await this.#writer.request({ kind: 'compact', revision });
  }

  #scheduleExpiry(): void {
    this.#expiry = this.#options.clock.after(EXPIRY_EVERY_MS, () => {
      // A failed sweep (a full disk) is tried again at the next beat; nobody else waits for it.
      void this.#expire()
        .catch(() => undefined)
        .then(() => {
          if (!this.#closed) this.#scheduleExpiry();
        });
    });
  }

  async #expire(): Promise<void> {
    for (;;) {
      const now = this.#options.clock.now();
      const found = (await this.#writer.request({
        kind: 'expired',
        now,
        limit: MAX_EXPIRED_AT_ONCE,
      })) as readonly (readonly [string, number])[];
      const deletions = await Promise.allSettled(found.map(([key, revision]) => this.delete(key, revision)));
      // Somebody wrote the key meanwhile: its new expiry counts.
      const failed = deletions.find(
        (result) => result.status === 'rejected' && !(result.reason instanceof RevisionMismatch),
      );
      if (failed || found.length < MAX_EXPIRED_AT_ONCE) return;
    }
  }

  #end(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#expiry?.[Symbol.dispose]();
    for (const write of this.#queue) write.reject(reason);
    this.#queue = [];
    for (const { closed } of this.#subscribers) closed(reason);
    this.#subscribers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new StoreUnavailable('the store is closed'));
    await this.#checkpoints.close();
    await this.#writer.close();
  }
}
