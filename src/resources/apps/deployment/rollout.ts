import { parseTime } from '#machinery/time.ts';
import type { Deployment, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { limitsOf } from './limits.ts';
import { planProportionalScale, type SetSize } from './proportional.ts';
import { DESIRED_REPLICAS, nextRevision, numberAnnotation, revisionOf } from './revisions.ts';
import { sameTemplate } from './template-hash.ts';

/** What to do next. A pass does one kind of thing and is followed by another one, when its effects are seen. */
export type RolloutStep =
  /** Make the replica set of the current template, of this size. */
  | { readonly type: 'create'; readonly replicas: number; readonly revision: number }
  | { readonly type: 'scale'; readonly sizes: readonly SetSize[] }
  | { readonly type: 'none' };

export interface RolloutPlan {
  readonly step: RolloutStep;
  readonly newSet: ReplicaSet | undefined;
  /** The revision that the new set must carry. */
  readonly revision: number;
  /** Scaling or paused: progress is not judged. */
  readonly judgesProgress: boolean;
}

export interface RolloutInput {
  readonly deployment: Deployment;
  /** All replica sets that it controls. */
  readonly sets: readonly ReplicaSet[];
  /** Whether pods of sets other than the new one are still there. Asked by Recreate only. */
  readonly oldPodsRun: (newSet: ReplicaSet | undefined) => boolean;
}

/**
 * What to do next for one Deployment, given everything that is true now. Pure and level-triggered: the same input
 * always gives the same plan, and a plan carried out halfway is continued by the next call.
 * Source: apps/v1 API, DeploymentStrategy; Deployment documentation, "Rolling Update" and "Proportional scaling".
 */
export function planRollout(input: RolloutInput): RolloutPlan {
  const { deployment, sets } = input;
  const newSet = findNewSet(deployment, sets);
  const oldSets = oldestFirst(sets.filter((set) => set !== newSet));
  const revision = nextRevision(oldSets);
  const plan = (step: RolloutStep, judgesProgress = true): RolloutPlan => ({ step, newSet, revision, judgesProgress });
  if (deployment.spec.paused || isScaling(deployment, sets)) {
    return plan(scaleStep(planProportionalScale(deployment, newSet, oldSets)), false);
  }
  if (deployment.spec.strategy.type === 'Recreate') return plan(planRecreate(input, newSet, oldSets, revision));
  return plan(planRollingUpdate(deployment, newSet, oldSets, revision));
}

/** The set that holds the current template; the oldest where there are several. */
export function findNewSet({ spec }: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).find((set) => sameTemplate(set.spec.template, spec.template));
}

/** A set that is in use was told another number of replicas than the deployment asks for now. */
function isScaling({ spec }: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.filter(isActive).some((set) => {
    const desired = numberAnnotation(set, DESIRED_REPLICAS);
    return desired !== undefined && desired !== (spec.replicas ?? 1);
  });
}

function planRollingUpdate(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  revision: number,
): RolloutStep {
  const up = newReplicas(deployment, newSet, oldSets);
  if (!newSet) return { type: 'create', replicas: up, revision };
  if (up !== size(newSet)) return { type: 'scale', sizes: [{ set: newSet, replicas: up }] };
  return scaleStep(planOldSets(deployment, newSet, oldSets));
}

/** The size that the new set may have now: the total stays within replicas + maxSurge. */
export function newReplicas(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): number {
  const replicas = deployment.spec.replicas ?? 1;
  const current = newSet ? size(newSet) : 0;
  if (current >= replicas) return replicas;
  if (deployment.spec.strategy.type === 'Recreate') return replicas;
  const room = replicas + limitsOf(deployment).maxSurge - total(oldSets, size) - current;
  return current + Math.max(0, Math.min(room, replicas - current));
}

/** Old sets give way: first pods that are not available, then, as far as availability allows, the others. */
function planOldSets(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): readonly SetSize[] {
  const minAvailable = (deployment.spec.replicas ?? 1) - limitsOf(deployment).maxUnavailable;
  const newUnavailable = size(newSet) - available(newSet);
  const all = [...oldSets, newSet];
  const maxCleanup = total(all, size) - minAvailable - newUnavailable;
  if (maxCleanup <= 0) return [];
  const sizes = new Map(oldSets.map((set) => [set, size(set)]));
  let cleanup = maxCleanup;
  for (const set of oldSets) {
    const unhealthy = Math.min(cleanup, Math.max(0, size(set) - available(set)));
    sizes.set(set, size(set) - unhealthy);
    cleanup -= unhealthy;
  }
  let surplus = Math.max(0, total(all, available) - minAvailable);
  for (const [set, replicas] of sizes) {
    const less = Math.min(surplus, replicas);
    sizes.set(set, replicas - less);
    surplus -= less;
  }
  return [...sizes].filter(([set, replicas]) => replicas !== size(set)).map(([set, replicas]) => ({ set, replicas }));
}

/** All old pods go before the first new one comes. */
function planRecreate(
  { deployment, oldPodsRun }: RolloutInput,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  revision: number,
): RolloutStep {
  const running = oldSets.filter(isActive);
  if (running.length > 0) return { type: 'scale', sizes: running.map((set) => ({ set, replicas: 0 })) };
  if (oldPodsRun(newSet)) return { type: 'none' };
  const replicas = deployment.spec.replicas ?? 1;
  if (!newSet) return { type: 'create', replicas, revision };
  return size(newSet) === replicas ? { type: 'none' } : { type: 'scale', sizes: [{ set: newSet, replicas }] };
}

function scaleStep(sizes: readonly SetSize[]): RolloutStep {
  return sizes.length > 0 ? { type: 'scale', sizes } : { type: 'none' };
}

/** Old sets beyond the history limit that hold nothing any more, oldest revision first. Pure. */
export function planCleanup({ spec }: Deployment, oldSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  if (spec.revisionHistoryLimit === undefined) return [];
  const alive = oldSets.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = alive.length - spec.revisionHistoryLimit;
  if (surplus <= 0) return [];
  const byRevision = alive.toSorted((a, b) => revisionOf(a) - revisionOf(b));
  return byRevision.slice(0, surplus).filter(isSpent);
}

function isSpent({ spec, status, metadata }: ReplicaSet): boolean {
  const observed = Number(status.observedGeneration ?? 0) >= Number(metadata.generation ?? 0);
  return (spec.replicas ?? 0) === 0 && (status.replicas ?? 0) === 0 && observed;
}

export function size({ spec }: ReplicaSet): number {
  return spec.replicas ?? 0;
}

function available({ status }: ReplicaSet): number {
  return status.availableReplicas ?? 0;
}

export function isActive(set: ReplicaSet): boolean {
  return size(set) > 0;
}

export function total(sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number {
  return sets.reduce((sum, set) => sum + count(set), 0);
}

export function oldestFirst(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return sets.toSorted((a, b) => {
    const difference = (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0);
    return difference || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
  });
}
