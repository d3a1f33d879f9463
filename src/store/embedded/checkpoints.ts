import { assert } from '#base/assert.ts';
import type { Clock } from '#base/clock.ts';
import type { CheckpointResult } from './protocol.ts';
import { WorkerPort } from './worker-port.ts';

/** So long after a write we look whether the writer has nothing to do, and let it empty the log itself. */
const IDLE_MS = 200;
/** Below this the log is left alone. */
const IDLE_LOG_BYTES = 4 * 1024 * 1024;
/** While writing goes on, a second worker copies the log beside the writer; first here, then after each further step. */
const BUSY_LOG_BYTES = 16 * 1024 * 1024;
const BUSY_STEP_BYTES = 8 * 1024 * 1024;
/** The log could not be emptied in passing: the writer is kept out for the last part (RESTART). */
const LARGE_LOG_BYTES = 96 * 1024 * 1024;
/** No further batch is sent until the log has shrunk. */
const MAX_LOG_BYTES = 256 * 1024 * 1024;
/** The second worker costs memory: it goes when it has had nothing to do for so long. */
const WORKER_IDLE_MS = 30_000;

interface Options {
  readonly path: string;
  readonly ioClock: Clock;
}

interface Writes {
  /** A batch is with the writer. */
  readonly busy: () => boolean;
  /** Called when writes that were held may go on. */
  readonly released: () => void;
}

/**
 * Keeps the write-ahead log short without making commits wait for it: in a pause the writer empties it, under load a
 * second worker does, and only where both fall behind do writes wait.
 */
export class Checkpoints {
  readonly #options: Options;
  readonly #entry: URL;
  readonly #writer: WorkerPort;
  readonly #writes: Writes;
  #helper: WorkerPort | undefined;
  #helperEnd: Disposable | undefined;
  #pause: Disposable | undefined;
  #running: Promise<void> | undefined;
  #logBytes = 0;
  #nextAt = BUSY_LOG_BYTES;
  #closed = false;

  constructor(options: Options, entry: URL, writer: WorkerPort, writes: Writes) {
    this.#options = options;
    this.#entry = entry;
    this.#writer = writer;
    this.#writes = writes;
  }

  get holdWrites(): boolean {
    return this.#running !== undefined && this.#logBytes > MAX_LOG_BYTES;
  }

  /** A batch made the log grow. */
  grown(bytes: number): void {
    this.#logBytes += bytes;
    if (this.#options.path === ':memory:' || this.#closed || this.#running) return;
    if (this.#logBytes > this.#nextAt) this.#run(() => this.#besideWriter());
    else if (this.#logBytes > IDLE_LOG_BYTES) this.#waitForPause();
  }

  #waitForPause(): void {
    this.#pause ??= this.#options.ioClock.after(IDLE_MS, () => {
      this.#pause = undefined;
      if (this.#closed || this.#running) return;
      if (this.#writes.busy()) this.#waitForPause();
      else this.#run(() => this.#ask(this.#writer, 'PASSIVE'));
    });
  }

  #run(checkpoint: () => Promise<CheckpointResult>): void {
    const before = this.#logBytes;
    this.#running = checkpoint()
      .then(
        ({ pagesLeft }) => {
          if (pagesLeft === 0) this.#logBytes -= before;
        },
        // The disk is full or failing: writers see that themselves, and the next growth tries again.
        () => undefined,
      )
      .then(() => {
        this.#running = undefined;
        this.#nextAt = Math.max(BUSY_LOG_BYTES, this.#logBytes + BUSY_STEP_BYTES);
        this.#writes.released();
      });
  }

  async #besideWriter(): Promise<CheckpointResult> {
    this.#helperEnd?.[Symbol.dispose]();
    this.#helper ??= this.#startHelper();
    const result = await this.#ask(this.#helper, this.#logBytes > LARGE_LOG_BYTES ? 'RESTART' : 'PASSIVE');
    this.#helperEnd = this.#options.ioClock.after(WORKER_IDLE_MS, () => void this.#endHelper());
    return result;
  }

  #startHelper(): WorkerPort {
    assert(!this.#closed, 'a closed store makes no checkpoints');
    return new WorkerPort(this.#entry, { storeWorker: 'checkpoint', path: this.#options.path }, () => {
      this.#helper = undefined;
    });
  }

  async #endHelper(): Promise<void> {
    const helper = this.#helper;
    this.#helper = undefined;
    await helper?.close();
  }

  async #ask(worker: WorkerPort, mode: 'PASSIVE' | 'RESTART'): Promise<CheckpointResult> {
    return (await worker.request({ kind: 'checkpoint', mode })) as CheckpointResult;
  }

  /** Waits for the checkpoint that runs; the writer's close makes the last one. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pause?.[Symbol.dispose]();
    this.#helperEnd?.[Symbol.dispose]();
    await this.#running;
    await this.#endHelper();
  }
}
