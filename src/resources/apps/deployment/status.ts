import { formatTime, parseTime } from '#machinery/time.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { limitsOf } from './limits.ts';

/** A deadline of this many seconds means none. */
const NO_DEADLINE = 2 ** 31 - 1;

export interface StatusInput {
  readonly deployment: Deployment;
  readonly newSet: ReplicaSet | undefined;
  /** All sets, the new one included, as they are after this pass. */
  readonly sets: readonly ReplicaSet[];
  readonly now: number;
}

export type NewCondition = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The counts and the Available condition. Pure. Source: apps/v1 API, DeploymentStatus. */
export function countStatus({ deployment, newSet, sets, now }: StatusInput): DeploymentStatus {
  const sum = (count: (set: ReplicaSet) => number | undefined) =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const availableReplicas = sum(({ status }) => status.availableReplicas);
  const { maxUnavailable } = limitsOf(deployment);
  const available = availableReplicas >= (deployment.spec.replicas ?? 1) - maxUnavailable;
  const { collisionCount, conditions = [] } = deployment.status;
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum(({ status }) => status.replicas),
    updatedReplicas: newSet?.status.replicas ?? 0,
    readyReplicas: sum(({ status }) => status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(({ spec }) => spec.replicas) - availableReplicas),
    terminatingReplicas: sum(({ status }) => status.terminatingReplicas),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(conditions, available ? MINIMUM_AVAILABLE : MINIMUM_UNAVAILABLE, now),
  };
}

const MINIMUM_AVAILABLE: NewCondition = {
  type: 'Available',
  status: 'True',
  reason: 'MinimumReplicasAvailable',
  message: 'Deployment has minimum availability.',
};

const MINIMUM_UNAVAILABLE: NewCondition = {
  type: 'Available',
  status: 'False',
  reason: 'MinimumReplicasUnavailable',
  message: 'Deployment does not have minimum availability.',
};

/** The status of a rollout under way: counts, progress, and failures of replica sets. Pure. */
export function rolloutStatus(input: StatusInput): DeploymentStatus {
  const { deployment, sets, newSet, now } = input;
  const status = countStatus(input);
  let conditions = progressConditions(input, status);
  const failure =
    newSet?.status.conditions?.find(({ type }) => type === 'ReplicaFailure') ??
    sets.flatMap((set) => set.status.conditions ?? []).find(({ type }) => type === 'ReplicaFailure');
  conditions = failure
    ? withCondition(conditions, { ...failure, type: 'ReplicaFailure' }, now)
    : conditions.filter(({ type }) => type !== 'ReplicaFailure');
  return deployment.status.conditions && same(conditions, deployment.status.conditions)
    ? { ...status, conditions: deployment.status.conditions }
    : { ...status, conditions };
}

function progressConditions(input: StatusInput, status: DeploymentStatus): readonly DeploymentCondition[] {
  const { deployment, newSet, now } = input;
  const conditions = status.conditions ?? [];
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== 'Progressing');
  const current = progressing(deployment);
  const wasComplete = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (wasComplete) return conditions;
  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const condition = (value: string, reason: string, what: string): NewCondition => ({
    type: 'Progressing',
    status: value,
    reason,
    message: `${subject} ${what}.`,
  });
  if (isComplete(deployment, status)) {
    return withCondition(conditions, condition('True', 'NewReplicaSetAvailable', 'has successfully progressed'), now);
  }
  if (hasProgressed(deployment.status, status)) {
    // Set anew even where nothing but the time changes: the deadline counts from the last progress.
    const others = conditions.filter(({ type }) => type !== 'Progressing');
    const next = { ...condition('True', 'ReplicaSetUpdated', 'is progressing'), lastUpdateTime: formatTime(now) };
    const since = current?.status === 'True' ? current.lastTransitionTime : formatTime(now);
    return [...others, { ...next, lastTransitionTime: since }];
  }
  if (hasTimedOut(deployment, now)) {
    return withCondition(conditions, condition('False', 'ProgressDeadlineExceeded', 'has timed out progressing'), now);
  }
  return conditions;
}

/** Sets a condition; one of the same status and reason stays as it is. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  condition: NewCondition,
  now: number,
): readonly DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === condition.type);
  if (current?.status === condition.status && current.reason === condition.reason) return conditions;
  const time = formatTime(now);
  const { type, status, reason = '', message = '' } = condition;
  const since = current?.status === status ? current.lastTransitionTime : time;
  const next = { type, status, lastUpdateTime: time, lastTransitionTime: since, reason, message };
  return [...conditions.filter((other) => other !== current), next];
}

export function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE;
}

export function progressing({ status }: Deployment): DeploymentCondition | undefined {
  return status.conditions?.find(({ type }) => type === 'Progressing');
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    status.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas &&
    Number(status.observedGeneration ?? 0) >= Number(metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, now: number): boolean {
  const current = progressing(deployment);
  if (!current || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineOf(deployment, current) < now;
}

function deadlineOf({ spec }: Deployment, { lastUpdateTime }: DeploymentCondition): number {
  return (parseTime(lastUpdateTime) ?? 0) + (spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** Milliseconds until the rollout must be looked at again because its deadline may have passed. */
export function untilDeadlineMs(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const current = status.conditions?.find(({ type }) => type === 'Progressing');
  if (!hasDeadline(deployment) || !current) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  return Math.max(deadlineOf(deployment, current) - now, 0) + 1000;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function sameStatus(a: DeploymentStatus, b: DeploymentStatus): boolean {
  return (
    Number(a.observedGeneration ?? 0) === Number(b.observedGeneration ?? 0) &&
    COUNTS.every((count) => (a[count] ?? 0) === (b[count] ?? 0)) &&
    same(a.conditions ?? [], b.conditions ?? [])
  );
}

const COUNTS = [
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;
