import { scaledValue } from '#machinery/int-or-string.ts';
import type { Deployment } from '#machinery/types/apps-v1.ts';

export interface Limits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** How far a rolling update may leave the wanted number, in pods: surge is rounded up, unavailability down. */
export function limitsOf({ spec }: Deployment): Limits {
  const replicas = spec.replicas ?? 1;
  if (spec.strategy.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge: surge, maxUnavailable: unavailable } = spec.strategy.rollingUpdate ?? {};
  const maxSurge = scaledValue(surge ?? '25%', replicas, 'up');
  const rounded = scaledValue(unavailable ?? '25%', replicas, 'down');
  // Two percentages that round to nothing would let nothing move.
  const maxUnavailable = maxSurge === 0 && rounded === 0 ? 1 : rounded;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}
