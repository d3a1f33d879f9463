import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import type { EventRecorder } from './events.ts';
import type { Informers } from './informers.ts';
import { OwnWrites } from './own-writes.ts';
import { WorkQueue } from './work-queue.ts';

/**
 * A control loop. It is level-triggered: `reconcile` is given a key, never what changed, looks at everything that is
 * true now and does what is missing. Calling it once more than needed must do nothing.
 */
export interface Controller {
  /** Upstream's name, as in `--controllers`: `replicaset-controller`. */
  readonly name: string;
  /** Service account in kube-system that it acts as, and source of its events. Default: the name. */
  readonly identity?: string;
  /** Keys that are reconciled at the same time. Default 5. */
  readonly workers?: number;
  /** Asks for informers, says which keys their changes wake, and gives the loop. */
  setup(context: SetupContext): Loop;
}

export interface Loop {
  reconcile(key: string, act: Act): Promise<Result>;
  /** Runs beside the queue until the signal is aborted, after the informers are in. For periodic sweeps. */
  run?(signal: AbortSignal): Promise<void>;
}

/** What a reconcile acts with. */
export interface Act {
  /** The controller's own identity; what is written is waited for before the key is reconciled again. */
  readonly client: Client;
}

/** Nothing more to do, or look again after a while. A throw is logged and tried again after the key's back-off. */
export type Result = undefined | { readonly afterMs: number };

export const done: Result = undefined;

export function after(afterMs: number): Result {
  return { afterMs: Math.max(1, Math.ceil(afterMs)) };
}

export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomness: Randomness;
  readonly signal: AbortSignal;
}

export interface SetupContext extends ControllerContext {
  /** Enqueues the keys of whatever changes in an informer; for updates the keys of both states. */
  watch<T extends KubeObject>(informer: Informer<T>, keysOf: (object: T) => readonly string[]): void;
  /** The same, where the change itself decides. */
  watchChanges<T extends KubeObject>(informer: Informer<T>, keysOf: (change: Change<T>) => readonly string[]): void;
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
}

export function defineController(name: string, rest: Omit<Controller, 'name'>): Controller {
  return { name, ...rest };
}

const DEFAULT_WORKERS = 5;
/** While the informers lag behind own writes, the key is looked at again this often, if no change wakes it. */
const LAG_POLL_MS = 1000;
/** As upstream's expectations: after this long the cache is believed again. */
const LAG_LIMIT_MS = 300_000;

/** Runs a controller until its signal is aborted. Resolves when the work under way has ended. */
export async function runController(controller: Controller, context: ControllerContext): Promise<void> {
  const { clock, signal } = context;
  const queue = new WorkQueue(clock);
  const asked: { readonly synced: Promise<void> }[] = [];
  const subscriptions: Disposable[] = [];
  const loop = controller.setup(setupContext(context, queue, asked, subscriptions));
  const writes = new OwnWrites((resource) => context.informers.peek(resource));
  const runner = new Runner(controller, loop, { context, queue, writes });
  try {
    await Promise.all(asked.map((informer) => informer.synced));
    await Promise.all([loop.run?.(signal), runner.run()]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const subscription of subscriptions) subscription[Symbol.dispose]();
    queue.clear();
  }
}

function setupContext(
  context: ControllerContext,
  queue: WorkQueue,
  asked: { readonly synced: Promise<void> }[],
  subscriptions: Disposable[],
): SetupContext {
  return {
    ...context,
    informers: {
      of: <T extends KubeObject>(resource: ResourceRef<T>) => {
        const informer = context.informers.of(resource);
        asked.push(informer);
        return informer;
      },
      peek: context.informers.peek,
    },
    watch(informer, keysOf) {
      subscriptions.push(
        informer.subscribe((change) => {
          if (change.type === 'updated') for (const key of keysOf(change.old)) queue.add(key);
          for (const key of keysOf(change.object)) queue.add(key);
        }),
      );
    },
    watchChanges(informer, keysOf) {
      subscriptions.push(
        informer.subscribe((change) => {
          for (const key of keysOf(change)) queue.add(key);
        }),
      );
    },
    enqueue: (key) => queue.add(key),
    enqueueAfter: (key, delayMs) => queue.addAfter(key, delayMs),
  };
}

interface RunnerParts {
  readonly context: ControllerContext;
  readonly queue: WorkQueue;
  readonly writes: OwnWrites;
}

class Runner {
  readonly #controller: Controller;
  readonly #loop: Loop;
  readonly #parts: RunnerParts;
  readonly #laggingSince = new Map<string, number>();
  readonly #idle = Promise.withResolvers<void>();
  #active = 0;

  constructor(controller: Controller, loop: Loop, parts: RunnerParts) {
    this.#controller = controller;
    this.#loop = loop;
    this.#parts = parts;
  }

  run(): Promise<void> {
    const { queue, context } = this.#parts;
    queue.onReady = () => this.#fill();
    context.signal.addEventListener('abort', () => this.#fill(), { once: true });
    this.#fill();
    return this.#idle.promise;
  }

  /** Starts work on ready keys while there are free workers. */
  #fill(): void {
    const { queue, context } = this.#parts;
    if (context.signal.aborted) {
      if (this.#active === 0) this.#idle.resolve();
      return;
    }
    const workers = this.#controller.workers ?? DEFAULT_WORKERS;
    while (this.#active < workers) {
      const key = queue.take();
      if (key === undefined) return;
      this.#active++;
      void this.#work(key).finally(() => {
        this.#active--;
        queue.done(key);
        this.#fill();
      }); // #work never rejects.
    }
  }

  async #work(key: string): Promise<void> {
    const { queue, writes, context } = this.#parts;
    if (this.#lags(key)) return queue.addAfter(key, LAG_POLL_MS);
    try {
      const result = await this.#loop.reconcile(key, { client: writes.clientFor(key, context.client) });
      queue.forget(key);
      if (result) queue.addAfter(key, result.afterMs);
    } catch (error) {
      if (context.signal.aborted) return;
      this.#logFailure(key, error);
      queue.addRateLimited(key);
    }
  }

  #lags(key: string): boolean {
    const { writes, context } = this.#parts;
    if (writes.seen(key)) {
      this.#laggingSince.delete(key);
      return false;
    }
    const now = context.clock.now();
    const since = this.#laggingSince.get(key) ?? now;
    this.#laggingSince.set(key, since);
    if (now - since < LAG_LIMIT_MS) return true;
    writes.forget(key);
    this.#laggingSince.delete(key);
    return false;
  }

  /** Conflicts are the ordinary way to learn that the cache is behind; anything else deserves a line. */
  #logFailure(key: string, error: unknown): void {
    const { context, queue } = this.#parts;
    const level = isStatus(error, 'Conflict') || queue.failures(key) === 0 ? 'debug' : 'warn';
    context.log[level]({ err: error, key }, 'reconcile failed; trying again');
  }
}
