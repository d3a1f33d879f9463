/**
 * Growing waits by key: the first failure has none, then 10 s, doubled up to 5 minutes; forgotten after 10 minutes
 * without one. Source: pod lifecycle, "How Pods handle problems with containers".
 */
export class BackOff {
  readonly #entries = new Map<string, { waitMs: number; updatedAt: number }>();
  readonly #initialMs: number;
  readonly #maxMs: number;

  constructor(initialMs = 10_000, maxMs = 300_000) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  /** How long to wait still at `now`, after something ended at `since`. 0: go ahead. */
  remaining(key: string, since: number, now: number): number {
    const entry = this.#entries.get(key);
    if (!entry || now - entry.updatedAt > 2 * this.#maxMs) return 0;
    return Math.max(entry.waitMs - (now - since), 0);
  }

  /** The whole wait that holds for a key, in milliseconds. */
  waitMs(key: string): number {
    return this.#entries.get(key)?.waitMs ?? 0;
  }

  /** Notes a try: the next failure waits longer. `since` is when the last one ended. */
  next(key: string, since: number, now: number): void {
    const entry = this.#entries.get(key);
    // Whatever ran for twice the longest wait counts as sound again.
    const fresh = !entry || since - entry.updatedAt > 2 * this.#maxMs || now - entry.updatedAt > 2 * this.#maxMs;
    this.#entries.set(key, {
      waitMs: fresh ? this.#initialMs : Math.min(entry.waitMs * 2, this.#maxMs),
      updatedAt: now,
    });
  }

  /** Forgets every key that begins with `prefix`. */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}
