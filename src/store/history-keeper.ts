import type { Clock } from '#base/clock.ts';
import type { Store } from './store.ts';

/** Upstream's default of --etcd-compaction-interval, and what clients may count on for pages and resumed watches. */
export const HISTORY_MS = 5 * 60_000;
/** History is kept for up to this much longer. */
const SAMPLE_EVERY_MS = 30_000;

/**
 * Compacts what is older than five minutes, for as long as it is not disposed of. `failed` is told when a compaction
 * fails; the next one is tried half a minute later.
 */
export function keepHistory(store: Store, clock: Clock, failed: (error: unknown) => void): Disposable {
  const samples: { readonly at: number; readonly revision: number }[] = [];
  let timer = clock.after(SAMPLE_EVERY_MS, beat);
  let ended = false;

  function beat(): void {
    void step()
      .catch(failed)
      .then(() => {
        if (!ended) timer = clock.after(SAMPLE_EVERY_MS, beat);
      });
  }

  async function step(): Promise<void> {
    const now = clock.now();
    samples.push({ at: now, revision: store.revision });
    const young = samples.findIndex((sample) => now - sample.at < HISTORY_MS);
    const newestOld = samples[young - 1];
    if (!newestOld) return;
    samples.splice(0, young);
    await store.compact(newestOld.revision);
  }

  return {
    [Symbol.dispose]() {
      ended = true;
      timer[Symbol.dispose]();
    },
  };
}
