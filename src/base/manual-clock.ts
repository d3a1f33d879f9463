import type { Clock } from './clock.ts';

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Moves time on and runs the timers that come due, each at its own time, in order. */
  advance(ms: number): void;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export function manualClock(startMs = 0): ManualClock {
  let now = startMs;
  const timers = new Set<Timer>();

  function after(delayMs: number, callback: () => void): Disposable {
    const timer = { at: now + Math.max(delayMs, 0), callback };
    timers.add(timer);
    return { [Symbol.dispose]: () => timers.delete(timer) };
  }

  function nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    return next;
  }

  return {
    now: () => now,
    after,
    sleep(delayMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = after(delayMs, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        function abort() {
          timer[Symbol.dispose]();
          reject(signal?.reason);
        }
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
    advance(ms) {
      const end = now + ms;
      for (let timer = nextUntil(end); timer; timer = nextUntil(end)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
      }
      now = end;
    },
  };
}
