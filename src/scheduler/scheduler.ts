import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import { podCondition } from '#reconciler/pods.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import type { SchedulerCache } from './cache.ts';
import { SchedulingCycle } from './cycle.ts';
import type { Plugin, Rejection, Snapshot } from './framework.ts';
import type { SchedulingQueue } from './queue.ts';

export interface SchedulerParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomness: Randomness;
  readonly events: EventRecorder;
  readonly plugins: readonly Plugin[];
  readonly cache: SchedulerCache;
  readonly queue: SchedulingQueue;
  readonly snapshot: Snapshot;
  readonly signal: AbortSignal;
}

/** Bindings under way at a time. */
const MAX_BINDINGS = 64;
/** After this long the loop lets others run. */
const SLICE_MS = 5;

/**
 * Takes pods from the queue one by one and finds each a node. A decision is one synchronous step on the cache, so no
 * event can come in between; binding runs beside it, on the assumption that it will succeed.
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #cycle: SchedulingCycle;
  #bindings = 0;
  #scheduled = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#cycle = new SchedulingCycle(parts.plugins, parts.randomness);
  }

  /** Works on the queue soon; cheap to call often. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#runSlice();
    });
  }

  #runSlice(): void {
    const { queue, signal } = this.#parts;
    const end = performance.now() + SLICE_MS;
    while (!signal.aborted && this.#bindings < MAX_BINDINGS) {
      const next = queue.take();
      if (!next) return;
      this.#schedule(next.pod);
      if (performance.now() > end) return this.wake();
    }
  }

  #schedule(pod: Pod): void {
    const { cache, queue, snapshot, log } = this.#parts;
    const uid = pod.metadata.uid ?? '';
    if (cache.isAssumed(uid) || pod.metadata.deletionTimestamp !== undefined) return queue.remove(uid);
    try {
      const decision = this.#cycle.decide(pod, snapshot);
      if (decision.type === 'none') {
        queue.park(uid, decision.rejectedBy);
        return this.#reportFailure(pod, 'Unschedulable', decision.message);
      }
      cache.assume(pod, decision.nodeName);
      const rejection = this.#reserve(pod, decision.nodeName);
      if (rejection) return this.#undo(pod, decision.nodeName, rejection.reasons.join(', '), 'Unschedulable');
      this.#bindings++;
      void this.#bind(pod, decision.nodeName).finally(() => {
        this.#bindings--;
        this.wake();
      }); // #bind never rejects.
    } catch (error) {
      log.error({ err: error, pod: pod.metadata.name, namespace: pod.metadata.namespace }, 'scheduling failed');
      cache.forget(uid);
      queue.retry(uid);
      this.#reportFailure(pod, 'SchedulerError', error instanceof Error ? error.message : String(error));
    }
  }

  #reserve(pod: Pod, nodeName: string): Rejection | undefined {
    for (const plugin of this.#parts.plugins) {
      const rejection = plugin.reserve?.(pod, nodeName);
      if (rejection) return rejection;
    }
    return undefined;
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { plugins, signal, events, queue } = this.#parts;
    const { name, namespace, uid = '' } = pod.metadata;
    try {
      for (const step of ['permit', 'preBind'] as const) {
        for (const plugin of plugins) {
          const rejection = await plugin[step]?.(pod, nodeName, signal);
          if (rejection) return this.#undo(pod, nodeName, rejection.reasons.join(', '), 'Unschedulable');
        }
      }
      for (const plugin of plugins) if (await plugin.bind?.(pod, nodeName, signal)) break;
      queue.remove(uid);
      for (const plugin of plugins) plugin.postBind?.(pod, nodeName);
      const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
      events.record(pod, { type: 'Normal', reason: 'Scheduled', action: 'Binding', message });
    } catch (error) {
      if (signal.aborted) return;
      this.#undo(pod, nodeName, error instanceof Error ? error.message : String(error), 'SchedulerError');
      // Gone, or bound by somebody else: the informer will say so.
      if (isStatus(error, 'NotFound')) queue.remove(uid);
    }
  }

  #undo(pod: Pod, nodeName: string, message: string, reason: 'Unschedulable' | 'SchedulerError'): void {
    const { plugins, cache, queue } = this.#parts;
    const uid = pod.metadata.uid ?? '';
    for (const plugin of plugins.toReversed()) plugin.unreserve?.(pod, nodeName);
    cache.forget(uid);
    queue.retry(uid);
    queue.announce({ resource: 'AssignedPod', action: 'Delete', old: pod });
    this.#reportFailure(pod, reason, message);
  }

  /** An event and the PodScheduled condition; the patch is left out where the pod says so already. */
  #reportFailure(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string): void {
    const { events, log } = this.#parts;
    events.record(pod, { type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', message });
    void this.#patchCondition(pod, reason, message).catch((error: unknown) => {
      if (!isStatus(error, 'NotFound')) log.debug({ err: error }, 'could not report why a pod is not scheduled');
    });
  }

  async #patchCondition(pod: Pod, reason: string, message: string): Promise<void> {
    const { client, clock, signal } = this.#parts;
    const current = podCondition(pod, 'PodScheduled');
    if (current?.status === 'False' && current.reason === reason && current.message === message) return;
    const { name = '', namespace, uid, generation } = pod.metadata;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime: current?.status === 'False' ? current.lastTransitionTime : formatTime(clock.now()),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    await client.patch(pods, { name, namespace, type: 'strategic', body: patch }, { subresource: 'status', signal });
  }
}
