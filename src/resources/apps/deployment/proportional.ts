import { parseTime } from '#machinery/time.ts';
import type { Deployment, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { limitsOf } from './limits.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS, numberAnnotation } from './revisions.ts';

/** How many pods a set is to have. */
export interface SetSize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/**
 * Spreads a change of the wanted number over the sets that are in use, in proportion to their sizes, so that a rollout
 * that is under way keeps its risk. Pure. Source: Deployment documentation, "Proportional scaling".
 */
export function planProportionalScale(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): readonly SetSize[] {
  const replicas = deployment.spec.replicas ?? 1;
  const sets = newSet ? [...oldSets, newSet] : oldSets;
  const active = sets.filter((set) => sizeOf(set) > 0);
  const only = active.length <= 1 ? (active[0] ?? newSet ?? oldSets.at(-1)) : undefined;
  if (only) return needsScale(only, replicas, deployment) ? [{ set: only, replicas }] : [];
  if (newSet && isSaturated(newSet, replicas)) {
    return oldSets.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  }
  if (deployment.spec.strategy.type === 'Recreate' || active.length === 0) return [];
  return spread(deployment, active);
}

function spread(deployment: Deployment, active: readonly ReplicaSet[]): readonly SetSize[] {
  const replicas = deployment.spec.replicas ?? 1;
  const allowed = replicas > 0 ? replicas + limitsOf(deployment).maxSurge : 0;
  const toAdd = allowed - active.reduce((sum, set) => sum + sizeOf(set), 0);
  // Of equal sets the newer one grows first and the older one shrinks first.
  const newerFirst = toAdd > 0 ? 1 : -1;
  const ordered = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || newerFirst * (createdAt(b) - createdAt(a)));
  let added = 0;
  const sizes = ordered.map((set) => {
    const share = shareOf(set, deployment, toAdd - added);
    added += share;
    return { set, replicas: sizeOf(set) + share };
  });
  const [largest, ...others] = sizes;
  if (!largest) return [];
  const withRest = { ...largest, replicas: Math.max(0, largest.replicas + toAdd - added) };
  return [withRest, ...others].filter(({ set, replicas: wanted }) => needsScale(set, wanted, deployment));
}

/** What one set gets of the change; never more than what is left of it. */
function shareOf(set: ReplicaSet, deployment: Deployment, left: number): number {
  const size = sizeOf(set);
  if (left === 0 || size === 0) return 0;
  const replicas = deployment.spec.replicas ?? 1;
  const before = numberAnnotation(set, MAX_REPLICAS) || deployment.status.replicas || size;
  const wanted = replicas === 0 ? 0 : Math.round((size * (replicas + limitsOf(deployment).maxSurge)) / before);
  const fraction = wanted - size;
  return left > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

/** The size, or only the annotations that remember what the size was derived from. */
function needsScale(set: ReplicaSet, replicas: number, deployment: Deployment): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  if (sizeOf(set) !== replicas) return true;
  return (
    numberAnnotation(set, DESIRED_REPLICAS) !== wanted ||
    numberAnnotation(set, MAX_REPLICAS) !== wanted + limitsOf(deployment).maxSurge
  );
}

function isSaturated(set: ReplicaSet, replicas: number): boolean {
  return (
    sizeOf(set) === replicas &&
    numberAnnotation(set, DESIRED_REPLICAS) === replicas &&
    (set.status.availableReplicas ?? 0) === replicas
  );
}

function sizeOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 0;
}

function createdAt({ metadata }: ReplicaSet): number {
  return parseTime(metadata.creationTimestamp) ?? 0;
}
