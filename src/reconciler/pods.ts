import { parseTime } from '#machinery/time.ts';
import type { Pod, PodCondition } from '#machinery/types/core-v1.ts';

/** Neither finished nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isPodFinished({ status }: Pod): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed';
}

export function isPodTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isPodFinished(pod);
}

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status.conditions?.find((condition) => condition.type === type);
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Milliseconds since the epoch at which the pod became ready; undefined where it is not. */
export function podReadySince(pod: Pod): number | undefined {
  const condition = podCondition(pod, 'Ready');
  return condition?.status === 'True' ? parseTime(condition.lastTransitionTime) : undefined;
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isPodReady(pod)) return false;
  const since = podReadySince(pod);
  return minReadySeconds === 0 || (since !== undefined && since + minReadySeconds * 1000 <= now);
}

/** Milliseconds until the pod becomes available if it stays ready; undefined where it is available or not ready. */
export function untilAvailableMs(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const since = podReadySince(pod);
  if (since === undefined || minReadySeconds === 0) return undefined;
  const waitMs = since + minReadySeconds * 1000 - now;
  return waitMs > 0 ? waitMs : undefined;
}

/** The most often restarted container counts for the pod. */
export function restartCount({ status }: Pod): number {
  const counts = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  return counts.reduce((most, container) => Math.max(most, container.restartCount), 0);
}
