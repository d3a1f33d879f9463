import { parseTime } from '#machinery/time.ts';
import type { Pod, Taint, Toleration } from '#machinery/types/core-v1.ts';

/**
 * When a pod must leave its node because of NoExecute taints: milliseconds since the epoch, `never`, or, where a taint
 * is not tolerated at all, now. The shortest time of the tolerations that are needed counts. Pure. Source: KEP-166.
 */
export function evictionTime({ spec }: Pod, taints: readonly Taint[], now: number): number | 'never' {
  const times: number[] = [];
  for (const taint of taints.filter(({ effect }) => effect === 'NoExecute')) {
    const used = (spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (used.length === 0) return now;
    for (const { tolerationSeconds } of used) {
      if (tolerationSeconds === undefined) continue;
      times.push((parseTime(taint.timeAdded) ?? now) + Math.max(0, Number(tolerationSeconds)) * 1000);
    }
  }
  return times.length === 0 ? 'never' : Math.max(now, Math.min(...times));
}

function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (value ?? '') === (taint.value ?? '');
}
