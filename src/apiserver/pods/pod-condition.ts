import type { Draft } from '#machinery/object.ts';
import { formatTime } from '#machinery/time.ts';
import type { Pod, PodCondition } from '#machinery/types/core-v1.ts';

/** Sets one condition of a pod; its time changes only with its status. */
export function setPodCondition(
  pod: Draft<Pod>,
  condition: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>,
  now: number,
): void {
  const status: Draft<NonNullable<Pod['status']>> = (pod.status ??= {});
  const conditions = status.conditions ?? [];
  const before = conditions.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  const made = { lastProbeTime: null, ...condition, lastTransitionTime: since ?? formatTime(now) };
  const all = before ? conditions.map((each) => (each === before ? made : each)) : [...conditions, made];
  status.conditions = all as NonNullable<typeof status.conditions>; // a time of nobody's probe is served as null
}
