import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import type { Pod, PodCondition, PodStatus } from '#machinery/types/core-v1.ts';
import { pods } from '../api-resources.ts';

export interface StatusWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Entry {
  pod: Pod;
  /** What the API is known to have. */
  written: PodStatus;
  wanted: PodStatus | undefined;
  running: Promise<void> | undefined;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;

/** Conditions that the agent owns; all others are left as they are. */
const OWNED = new Set(['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']);

/**
 * Brings statuses of pods to the API: at most one write a pod at a time, the newest status wins, and nothing is
 * written that the API has already. A write that fails is tried again until it succeeds or the pod is gone.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Sets the wanted status; returns when it, or a newer one, is written. */
  async write(pod: Pod, status: PodStatus): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    const entry = this.#entries.get(uid) ?? { pod, written: pod.status, wanted: undefined, running: undefined };
    this.#entries.set(uid, entry);
    entry.pod = pod;
    entry.wanted = status;
    entry.running ??= this.#run(uid, entry).finally(() => {
      entry.running = undefined;
    });
    await entry.running;
  }

  /** What the API has, as far as we know: newer than an informer's copy right after a write. */
  latest(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.written;
  }

  /** Takes over what somebody else has written: conditions of readiness gates, resets by administrators. */
  observe(pod: Pod): void {
    const entry = this.#entries.get(pod.metadata.uid ?? '');
    if (entry && !entry.running) entry.written = pod.status;
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  async #run(uid: string, entry: Entry): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (entry.wanted && this.#entries.get(uid) === entry && !this.#options.signal.aborted) {
      const { wanted } = entry;
      entry.wanted = undefined;
      const status = statusPatch(entry.written, wanted);
      if (!status) continue;
      try {
        const { name = '', namespace } = entry.pod.metadata;
        const body = { metadata: { uid }, status };
        const patch = { name, namespace, type: 'strategic', body } as const;
        const written = await this.#options.client.patch(pods, patch, { subresource: 'status' });
        entry.written = written.status;
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        // Another pod has the name, or none: there is nobody to tell any more.
        if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return;
        this.#options.log.warn(
          { err: error, pod: entry.pod.metadata.name },
          'the status of a pod could not be written',
        );
        entry.wanted ??= wanted;
        await this.#options.clock.sleep(retryMs, this.#options.signal).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
  }
}

/** A strategic merge patch from one status to another, or undefined where they are the same. */
export function statusPatch(from: PodStatus, to: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  const source = from as Readonly<Record<string, unknown>>;
  const target = to as Readonly<Record<string, unknown>>;
  for (const key of new Set([...Object.keys(source), ...Object.keys(target)])) {
    if (key === 'conditions' || !WRITTEN.has(key)) continue;
    if (same(source[key], target[key])) continue;
    const value = target[key];
    if (value === undefined) patch[key] = null;
    else patch[key] = REPLACED.has(key) ? [{ $patch: 'replace' }, ...(value as readonly unknown[])] : value;
  }
  const before = new Map((from.conditions ?? []).map((condition) => [condition.type, condition]));
  const changed = (to.conditions ?? []).filter(
    (condition) => OWNED.has(condition.type) && !sameCondition(before.get(condition.type), condition),
  );
  // Absent fields have to be named, or the old ones would stay.
  if (changed.length > 0)
    patch.conditions = changed.map((condition) => ({ reason: null, message: null, ...condition }));
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** Fields of the status that the agent writes. */
const WRITTEN = new Set([
  'phase',
  'observedGeneration',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
  'reason',
  'message',
]);
/** Lists that a strategic merge patch would otherwise merge. */
const REPLACED = new Set(['podIPs', 'hostIPs']);

function sameCondition(a: PodCondition | undefined, b: PodCondition): boolean {
  return (
    a !== undefined &&
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration &&
    a.lastTransitionTime === b.lastTransitionTime
  );
}

/** Whether two pieces of JSON say the same, whatever the order of their keys. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key]));
}
