import { tooManyRequestsError } from '#machinery/status.ts';
import { isLongRunning, type Layer } from '../request/exchange.ts';

/** Requests in flight at once, and how many more may wait for their turn before they are turned away. */
export interface FlowLimits {
  readonly reads: FlowGate;
  readonly writes: FlowGate;
}

/** Upstream's --max-requests-inflight and --max-mutating-requests-inflight. */
export const MAX_READS_IN_FLIGHT = 400;
export const MAX_WRITES_IN_FLIGHT = 200;

const READ_VERBS = new Set(['get', 'list', 'watch', 'head', 'options']);

/** Bounds the work under way. Watches and connections do not count, nor do members of system:masters. */
export const flowControl: Layer = async (exchange, next) => {
  const { info, server, user, signal } = exchange;
  if (isLongRunning(info) || user.groups.includes('system:masters')) return next();
  const gate = READ_VERBS.has(info.verb) ? server.flow.reads : server.flow.writes;
  await gate.enter(signal);
  try {
    return await next();
  } finally {
    gate.leave();
  }
};

/** Lets `limit` through at a time and as many again wait, first come first served; the next one gets 429. */
export class FlowGate {
  readonly limit: number;
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get inside(): number {
    return this.#inside;
  }

  async enter(signal: AbortSignal): Promise<void> {
    if (this.#inside < this.limit) {
      this.#inside++;
      return;
    }
    if (this.#waiting.size >= this.limit) {
      throw tooManyRequestsError('Too many requests, please try again later.', 1);
    }
    await this.#turn(signal);
  }

  /** The one who leaves hands its place to the first in the queue. */
  leave(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#inside--;
      return;
    }
    this.#waiting.delete(first);
    first();
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(enter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.add(enter);
    });
  }
}
