import type { Deployment } from '#machinery/types/apps-v1.ts';
import type { IntOrString } from '#machinery/types/meta-v1.ts';

export interface Limits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** How far a rolling update may leave the wanted number, in pods: surge is rounded up, unavailability down. */
export function limitsOf({ spec }: Deployment): Limits {
  const replicas = spec.replicas ?? 1;
  if (spec.strategy.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge: surge, maxUnavailable: unavailable } = spec.strategy.rollingUpdate ?? {};
  const maxSurge = scaled(surge ?? '25%', replicas, Math.ceil);
  const rounded = scaled(unavailable ?? '25%', replicas, Math.floor);
  // Two percentages that round to nothing would let nothing move.
  const maxUnavailable = maxSurge === 0 && rounded === 0 ? 1 : rounded;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** A number, or a percentage of `total`. */
export function scaled(value: IntOrString, total: number, round: (exact: number) => number): number {
  if (typeof value === 'number') return value;
  return value.endsWith('%') ? round((Number.parseInt(value, 10) * total) / 100) : Number.parseInt(value, 10);
}
