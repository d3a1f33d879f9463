import { Worker } from 'node:worker_threads';
import { StoreUnavailable } from '../store.ts';
import { revivedError, type WorkerReply, type WorkerRequest } from './protocol.ts';
import type { StoreWorkerData } from './worker.ts';

/** A worker's heap holds the index of keys (about a hundred bytes each) and the batch in hand; values lie outside of it. */
const WORKER_HEAP_MB = 256;
const WORKER_YOUNG_HEAP_MB = 4;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

type WithoutId<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

/** Asks a store worker and gives its answers, in the order in which the worker sent them. */
export class WorkerPort {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #closing = false;
  #ended: Error | undefined;

  /** `onEnd` is called once, when the worker has ended by itself. */
  constructor(entry: URL, data: StoreWorkerData, onEnd: (reason: Error) => void) {
    this.#worker = new Worker(entry, {
      workerData: data,
      name: `store-${data.storeWorker}`,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, maxYoungGenerationSizeMb: WORKER_YOUNG_HEAP_MB },
    });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('error', (error: unknown) => this.#end(asError(error), onEnd));
    this.#worker.on('exit', (code) => this.#end(new Error(`the store worker ended with code ${code}`), onEnd));
  }

  /** Keeps the process alive only while something is asked or the worker is ending. */
  #hold(): void {
    if (this.#waiting.size > 0 || this.#closing) this.#worker.ref();
    else this.#worker.unref();
  }

  /** The message that the writer sends of its own accord when it has opened the database. */
  opened(): Promise<unknown> {
    return this.#wait(0);
  }

  request(request: WithoutId<WorkerRequest>, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answer = this.#wait(id);
    this.#worker.postMessage({ ...request, id }, transfer);
    return answer;
  }

  /**
   * Like `request`, but calls back while the answer is being received, before any later one is: order is kept, which
   * promises alone do not promise.
   */
  requestInOrder(request: WithoutId<WorkerRequest>, transfer: readonly ArrayBuffer[], waiting: Waiting): void {
    if (this.#ended) {
      waiting.reject(this.#ended);
      return;
    }
    const id = ++this.#lastId;
    this.#waiting.set(id, waiting);
    this.#hold();
    this.#worker.postMessage({ ...request, id }, transfer);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#closing = true;
    this.#hold();
    this.#worker.postMessage({ id: ++this.#lastId, kind: 'close' } satisfies WorkerRequest);
    await ended;
  }

  #wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#hold();
    });
  }

  #settle({ id, result, error }: WorkerReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#hold();
    if (error) waiting?.reject(revivedError(error));
    else waiting?.resolve(result);
  }

  #end(cause: Error, onEnd: (reason: Error) => void): void {
    if (this.#ended) return;
    this.#ended = new StoreUnavailable(`the store has ended: ${cause.message}`, { cause });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
    onEnd(this.#ended);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
