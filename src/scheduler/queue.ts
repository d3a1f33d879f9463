import type { Clock } from '#base/clock.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { ClusterEvent, Plugin, QueuedPod } from './framework.ts';

/** Back-off of a pod that could not be scheduled, doubled with each attempt. Upstream's defaults. */
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 10_000;
/** A pod that no event woke is tried again after this long all the same. */
const MAX_UNSCHEDULABLE_MS = 300_000;

type Entry = { -readonly [Key in keyof QueuedPod]: QueuedPod[Key] } & {
  place: 'active' | 'backoff' | 'unschedulable' | 'gated' | 'scheduling';
  timer?: Disposable;
  lastAttemptAt: number;
};

/**
 * Pods that wait for a node: `active` are ready to be tried, `backoff` will be, `unschedulable` wait for an event that
 * could help, `gated` for their gates to go. An event wakes only pods whose rejecting plug-ins hint that it may help.
 */
export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  #active: Entry[] = [];
  #sorted = true;
  readonly #clock: Clock;
  readonly #plugins: readonly Plugin[];
  readonly #compare: (a: QueuedPod, b: QueuedPod) => number;
  #onActive: () => void = () => undefined;

  constructor(clock: Clock, plugins: readonly Plugin[]) {
    this.#clock = clock;
    this.#plugins = plugins;
    const sorter = plugins.find((plugin) => plugin.queueSort);
    this.#compare = (a, b) => sorter?.queueSort?.(a, b) ?? a.since - b.since;
  }

  /** Called when a pod becomes active. */
  set onActive(callback: () => void) {
    this.#onActive = callback;
  }

  /** How many pods wait in each part. */
  get sizes(): Readonly<Record<Entry['place'], number>> {
    const sizes = { active: 0, backoff: 0, unschedulable: 0, gated: 0, scheduling: 0 };
    for (const { place } of this.#entries.values()) sizes[place]++;
    return sizes;
  }

  /** A pod that has no node, new or changed. */
  set(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const entry = this.#entries.get(uid);
    if (!entry) {
      const now = this.#clock.now();
      const added: Entry = { pod, since: now, attempts: 0, rejectedBy: new Set(), place: 'gated', lastAttemptAt: now };
      this.#entries.set(uid, added);
      return this.#activate(added);
    }
    const old = entry.pod;
    entry.pod = pod;
    if (entry.place === 'gated') return this.#activate(entry);
    if (entry.place !== 'unschedulable') return;
    const event: ClusterEvent = { resource: 'Pod', action: 'Update', old, object: pod };
    if (!onlyStatusChanged(old, pod) && this.#isHelped(entry, event)) this.#wake(entry);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#entries.delete(uid);
    entry.timer?.[Symbol.dispose]();
    if (entry.place === 'active') this.#active = this.#active.filter((other) => other !== entry);
  }

  /** Takes the pod that is next; it stays known until `remove`, `retry` or `park`. */
  take(): QueuedPod | undefined {
    if (!this.#sorted) this.#active.sort((a, b) => this.#compare(b, a));
    this.#sorted = true;
    const entry = this.#active.pop();
    if (!entry) return undefined;
    entry.place = 'scheduling';
    entry.attempts++;
    entry.lastAttemptAt = this.#clock.now();
    return entry;
  }

  /** No node fitted: wait for an event that concerns one of the plug-ins that said no. */
  park(uid: string, rejectedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.rejectedBy = rejectedBy;
    entry.place = 'unschedulable';
    entry.timer?.[Symbol.dispose]();
    entry.timer = this.#clock.after(MAX_UNSCHEDULABLE_MS, () => this.#wake(entry));
  }

  /** It failed for a reason that may go by itself (a refused binding): try again after the back-off. */
  retry(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.rejectedBy = new Set();
    this.#wake(entry);
  }

  /** Wakes the pods that the event may help. */
  announce(event: ClusterEvent): void {
    for (const entry of this.#entries.values()) {
      if (entry.place === 'unschedulable' && this.#isHelped(entry, event)) this.#wake(entry);
    }
  }

  clear(): void {
    for (const uid of [...this.#entries.keys()]) this.remove(uid);
  }

  #isHelped(entry: Entry, event: ClusterEvent): boolean {
    if (entry.rejectedBy.size === 0) return true;
    return this.#plugins.some(
      ({ name, hints = [] }) =>
        entry.rejectedBy.has(name) &&
        hints.some(
          (hint) =>
            hint.resource === event.resource &&
            hint.actions.includes(event.action) &&
            (hint.helps?.(entry.pod, event) ?? true),
        ),
    );
  }

  #wake(entry: Entry): void {
    entry.timer?.[Symbol.dispose]();
    const waitMs = entry.lastAttemptAt + backoffMs(entry.attempts) - this.#clock.now();
    if (waitMs <= 0) return this.#activate(entry);
    entry.place = 'backoff';
    entry.timer = this.#clock.after(waitMs, () => this.#activate(entry));
  }

  #activate(entry: Entry): void {
    entry.timer?.[Symbol.dispose]();
    const gate = this.#plugins.find((plugin) => plugin.preEnqueue?.(entry.pod));
    if (gate) {
      entry.place = 'gated';
      return;
    }
    entry.place = 'active';
    this.#active.push(entry);
    this.#sorted = this.#active.length === 1;
    this.#onActive();
  }
}

export function backoffMs(attempts: number): number {
  return attempts === 0 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
}

/** Our own report of a failure must not wake the pod. */
function onlyStatusChanged(a: Pod, b: Pod): boolean {
  return (
    JSON.stringify(a.spec) === JSON.stringify(b.spec) &&
    JSON.stringify(a.metadata.labels) === JSON.stringify(b.metadata.labels) &&
    JSON.stringify(a.metadata.annotations) === JSON.stringify(b.metadata.annotations) &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp
  );
}
