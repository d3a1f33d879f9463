import { formatTime } from '#machinery/time.ts';
import type { Node, NodeCondition, Taint } from '#machinery/types/core-v1.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';

/** How long a node may be silent: always, and when it has never been ready. Upstream's defaults. */
export const GRACE_MS = 50_000;
export const STARTUP_GRACE_MS = 60_000;

/** What was seen of a node, and when, by our own clock: clocks of nodes may be wrong. */
export interface Sighting {
  /** When the lease or the conditions last changed. */
  readonly at: number;
  /** The lease's renewTime and the heartbeat of Ready, to see a change by. */
  readonly sign: string;
  readonly firstSeenAt: number;
}

export function sight(
  before: Sighting | undefined,
  object: Node,
  renewTime: string | undefined,
  now: number,
): Sighting {
  const ready = object.status.conditions?.find(({ type }) => type === 'Ready');
  const sign = JSON.stringify([renewTime ?? '', ready?.lastHeartbeatTime ?? '', ready?.status ?? '']);
  if (before?.sign === sign) return before;
  return { at: now, sign, firstSeenAt: before?.firstSeenAt ?? now };
}

/** Conditions that a node reports and that become Unknown when it is silent. */
const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The conditions of a node that has been silent for too long; undefined where nothing changes. Pure. */
export function silentConditions(object: Node, sighting: Sighting, now: number): readonly NodeCondition[] | undefined {
  const conditions = object.status.conditions ?? [];
  const grace = conditions.some(({ type }) => type === 'Ready') ? GRACE_MS : STARTUP_GRACE_MS;
  if (now - sighting.at <= grace) return undefined;
  const next = REPORTED.flatMap((type): NodeCondition[] => {
    const current = conditions.find((condition) => condition.type === type);
    if (current?.status === 'Unknown') return [];
    const time = formatTime(now);
    if (!current) {
      return [
        {
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: object.metadata.creationTimestamp ?? time,
          lastTransitionTime: time,
        },
      ];
    }
    return [
      {
        ...current,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: time,
      },
    ];
  });
  if (next.length === 0) return undefined;
  const types = new Set(next.map(({ type }) => type));
  return [...conditions.filter(({ type }) => !types.has(type)), ...next];
}

export function readiness({ status }: Node): string {
  return status.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';
}

/** Taint keys that conditions other than Ready put on a node, with the status that does. */
const PRESSURES: Readonly<Record<string, readonly [type: string, status: string]>> = {
  'node.kubernetes.io/memory-pressure': ['MemoryPressure', 'True'],
  'node.kubernetes.io/disk-pressure': ['DiskPressure', 'True'],
  'node.kubernetes.io/pid-pressure': ['PIDPressure', 'True'],
  'node.kubernetes.io/network-unavailable': ['NetworkUnavailable', 'True'],
};

/** The taints that a node should carry, given its conditions; undefined where it does. Pure. Source: KEP-166. */
export function plannedTaints(object: Node, now: number): readonly Taint[] | undefined {
  const conditions = object.status.conditions ?? [];
  const has = (type: string, status: string) =>
    conditions.some((condition) => condition.type === type && condition.status === status);
  const ready = readiness(object);
  const wanted = new Map<string, readonly string[]>();
  if (ready === 'False') wanted.set(NOT_READY, ['NoSchedule', 'NoExecute']);
  if (ready === 'Unknown') wanted.set(UNREACHABLE, ['NoSchedule', 'NoExecute']);
  for (const [key, [type, status]] of Object.entries(PRESSURES)) if (has(type, status)) wanted.set(key, ['NoSchedule']);
  if (object.spec.unschedulable) wanted.set('node.kubernetes.io/unschedulable', ['NoSchedule']);
  const managed = new Set([NOT_READY, UNREACHABLE, 'node.kubernetes.io/unschedulable', ...Object.keys(PRESSURES)]);
  const before = object.spec.taints ?? [];
  const kept = before.filter(({ key, effect }) => !managed.has(key) || wanted.get(key)?.includes(effect));
  const added = [...wanted].flatMap(([key, effects]) =>
    effects
      .filter((effect) => !kept.some((taint) => taint.key === key && taint.effect === effect))
      .map((effect) => ({ key, effect, timeAdded: formatTime(now) })),
  );
  return added.length === 0 && kept.length === before.length ? undefined : [...kept, ...added];
}
