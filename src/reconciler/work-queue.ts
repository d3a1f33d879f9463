import type { Clock } from '#base/clock.ts';

/** The back-off of one key: doubled with each failure in a row. Upstream's defaults. */
const FIRST_BACKOFF_MS = 5;
const MAX_BACKOFF_MS = 1000_000;

/**
 * Keys that wait for work. A key is held once however often it is added; one that is added while it is worked on is
 * given out again afterwards, never to two workers at once. Holds at most one entry for each key that exists.
 */
export class WorkQueue {
  readonly #clock: Clock;
  /** In the order in which they became ready. */
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  /** Added while they were being worked on. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: Disposable }>();
  readonly #failures = new Map<string, number>();
  #onReady: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called whenever a key becomes ready. */
  set onReady(callback: () => void) {
    this.#onReady = callback;
  }

  /** Keys that are ready. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#working.has(key)) {
      this.#again.add(key);
    } else if (!this.#ready.has(key)) {
      this.#ready.add(key);
      this.#onReady();
    }
  }

  /** Adds the key after a while; of several delays the shortest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key);
    const at = this.#clock.now() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting && waiting.at <= at) return;
    waiting?.timer[Symbol.dispose]();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, timer });
  }

  /** Adds the key after its back-off, which grows with each call until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(FIRST_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS));
  }

  /** The key succeeded: its back-off starts anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Takes the next ready key; `done` must follow. */
  take(): string | undefined {
    const [key] = this.#ready;
    if (key === undefined) return undefined;
    this.#ready.delete(key);
    this.#working.add(key);
    return key;
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops everything that waits. */
  clear(): void {
    for (const { timer } of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#failures.clear();
  }
}
