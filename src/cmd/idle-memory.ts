import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from '#base/clock.ts';

/** Looked at this often. */
const LOOK_EVERY_MS = 10_000;
/** Share of the time that the thread worked, below which a collection disturbs nobody. */
const IDLE_UTILIZATION = 0.05;
/** Physical memory of the heap that has come since the last collection and makes the next one worth while. */
const WORTHWHILE_BYTES = 6 * 1024 ** 2;

/**
 * Collects this thread's garbage while it is idle, so that its heap shrinks to what it holds. V8 gives the young
 * generation, which grows to 32 MiB under load, back only with a full collection, and a thread that allocates little
 * never comes to one. Does nothing in a process that was started without `--expose-gc`.
 */
export function releaseMemoryWhenIdle(clock: Clock): Disposable {
  const collect = globalThis.gc;
  let timer: Disposable | undefined;
  let settledBytes = 0;
  let since = performance.eventLoopUtilization();
  if (collect) watch(collect);

  function watch(gc: () => void): void {
    timer = clock.after(LOOK_EVERY_MS, () => {
      const { utilization } = performance.eventLoopUtilization(since);
      if (utilization < IDLE_UTILIZATION && heapBytes() > settledBytes + WORTHWHILE_BYTES) {
        gc();
        settledBytes = heapBytes();
      }
      since = performance.eventLoopUtilization();
      watch(gc);
    });
  }

  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}

function heapBytes(): number {
  return getHeapStatistics().total_physical_size;
}
