import { formatTime, parseTime } from '#machinery/time.ts';
import type { Job, JobCondition, JobStatus } from '#machinery/types/batch-v1.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { isPodActive, isPodReady, isPodTerminating, restartCount } from '#reconciler/pods.ts';
import { matchFailurePolicy } from './failure-policy.ts';
import { freeIndexes, indexOf, parseIndexes, showIndexes } from './indexes.ts';

export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';

/** Terminated pods that are put into one status. Upstream's MaxUncountedPods. */
const MAX_UNCOUNTED = 500;
/** Pods created in one pass. */
const MAX_CREATES = 500;
/** Wait before a pod is created after failures, doubled with each in a row. Upstream's defaults. */
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 600_000;

export interface JobPlan {
  readonly status: JobStatus;
  /** Pods to create: their indexes, or undefined for each of a job without. */
  readonly create: readonly (number | undefined)[];
  /** Pods of a finished job: they go, but still count. */
  readonly stop: readonly Pod[];
  /** Pods too many: they go and do not count. */
  readonly remove: readonly Pod[];
  /** Pods whose outcome is in the status, or does not matter: the tracking finalizer comes off. */
  readonly release: readonly Pod[];
  readonly events: readonly {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
  }[];
  readonly againMs: number | undefined;
}

/**
 * What to do next for one Job. `pods` are all that it controls. A pod's outcome first goes into
 * `uncountedTerminatedPods`, then its finalizer comes off, then it is counted: so it is counted exactly once, whatever
 * is deleted or restarted in between. Pure. Source: batch/v1 API, KEP-2307, KEP-3329, KEP-3850, KEP-3939.
 */
export function planJob(job: Job, pods: readonly Pod[], now: number): JobPlan {
  const tracked = track(job, pods);
  const active = pods.filter((pod) => isPodActive(pod));
  const terminating = pods.filter(isPodTerminating).length;
  const status: JobStatus = {
    ...job.status,
    ...tracked.status,
    ...(job.status.startTime || job.spec.suspend ? {} : { startTime: formatTime(now) }),
    active: active.length,
    ready: active.filter(isPodReady).length,
    terminating,
  };
  const plan: JobPlan = {
    status,
    create: [],
    stop: [],
    remove: [],
    release: tracked.release,
    events: [],
    againMs: undefined,
  };
  if (job.metadata.deletionTimestamp !== undefined) return plan;
  const verdict = targetOf(job) ?? judge(job, status, pods, now);
  if (verdict) return planEnd(plan, active, verdict, now);
  return planRun(job, plan, { active, pods, terminating, now });
}

interface Tracked {
  readonly status: Pick<
    JobStatus,
    'succeeded' | 'failed' | 'completedIndexes' | 'failedIndexes' | 'uncountedTerminatedPods'
  >;
  readonly release: readonly Pod[];
}

/** Moves terminated pods through uncounted into the counts. */
function track(job: Job, pods: readonly Pod[]): Tracked {
  const { succeeded = 0, failed = 0, uncountedTerminatedPods: before = {} } = job.status;
  const holding = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid ?? '', pod]));
  const stillHeld = (uid: string) => holding.has(uid);
  const counted = {
    succeeded: succeeded + (before.succeeded ?? []).filter((uid) => !stillHeld(uid)).length,
    failed: failed + (before.failed ?? []).filter((uid) => !stillHeld(uid)).length,
  };
  const uncounted = {
    succeeded: (before.succeeded ?? []).filter(stillHeld),
    failed: (before.failed ?? []).filter(stillHeld),
  };
  // Only what the stored status already tells of may lose its finalizer.
  const release = [...uncounted.succeeded, ...uncounted.failed].flatMap((uid) => holding.get(uid) ?? []);
  const isIndexed = job.spec.completionMode === 'Indexed';
  const completed = new Set(parseIndexes(job.status.completedIndexes, job.spec.completions));
  const known = new Set([...uncounted.succeeded, ...uncounted.failed]);
  for (const [uid, pod] of holding) {
    if (known.has(uid) || known.size >= MAX_UNCOUNTED) continue;
    const index = indexOf(pod);
    if (pod.status.phase === 'Succeeded') {
      if (isIndexed && (index === undefined || index >= (job.spec.completions ?? 0) || completed.has(index))) {
        release.push(pod);
        continue;
      }
      if (index !== undefined) completed.add(index);
      uncounted.succeeded.push(uid);
      known.add(uid);
    } else if (isFailed(job, pod)) {
      if (matchFailurePolicy(job, pod)?.action === 'Ignore') {
        release.push(pod);
        continue;
      }
      uncounted.failed.push(uid);
      known.add(uid);
    }
  }
  const failedIndexes =
    job.spec.backoffLimitPerIndex === undefined ? undefined : findFailedIndexes(job, pods, completed);
  return {
    status: {
      succeeded: isIndexed ? completed.size : counted.succeeded,
      failed: counted.failed,
      ...(isIndexed && completed.size > 0 ? { completedIndexes: showIndexes(completed) } : {}),
      ...(failedIndexes ? { failedIndexes: showIndexes(failedIndexes) } : {}),
      uncountedTerminatedPods: {
        ...(uncounted.succeeded.length > 0 ? { succeeded: uncounted.succeeded } : {}),
        ...(uncounted.failed.length > 0 ? { failed: uncounted.failed } : {}),
      },
    },
    release,
  };
}

function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(TRACKING_FINALIZER) ?? false;
}

/** A pod that is being deleted has failed, unless the job wants to know how it ends. */
function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status.phase !== 'Succeeded';
}

function replacesOnlyFailed({ spec }: Job): boolean {
  return (
    spec.podReplacementPolicy === 'Failed' ||
    (spec.podReplacementPolicy === undefined && spec.podFailurePolicy !== undefined)
  );
}

function findFailedIndexes(job: Job, pods: readonly Pod[], completed: ReadonlySet<number>): ReadonlySet<number> {
  const failed = new Set(parseIndexes(job.status.failedIndexes, job.spec.completions));
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || completed.has(index) || !isFailed(job, pod)) continue;
    const action = matchFailurePolicy(job, pod)?.action;
    const failures = Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0) + (action === 'Ignore' ? 0 : 1);
    if (action === 'FailIndex' || failures > (job.spec.backoffLimitPerIndex ?? 0)) failed.add(index);
  }
  return failed;
}

/** How the job ends. */
export interface Verdict {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

/** What was decided before: the end only waits for the pods to go. */
function targetOf({ status }: Job): Verdict | undefined {
  for (const { type, status: value, reason = '', message = '' } of status.conditions ?? []) {
    if (value !== 'True') continue;
    if (type === 'FailureTarget') return { type: 'Failed', reason, message };
    if (type === 'SuccessCriteriaMet') return { type: 'Complete', reason, message };
  }
  return undefined;
}

function judge(job: Job, status: JobStatus, pods: readonly Pod[], now: number): Verdict | undefined {
  const { spec } = job;
  const failing = pods
    .filter((pod) => isFailed(job, pod))
    .map((pod) => matchFailurePolicy(job, pod))
    .find((match) => match?.action === 'FailJob');
  if (failing) return failed('PodFailurePolicy', failing.message);
  const uncountedFailed = status.uncountedTerminatedPods?.failed?.length ?? 0;
  const uncountedSucceeded = status.uncountedTerminatedPods?.succeeded?.length ?? 0;
  const failures = (status.failed ?? 0) + uncountedFailed;
  const backoffLimit = spec.backoffLimit ?? 6;
  if (failures > backoffLimit || hasRestartedTooOften(job, pods, backoffLimit)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (remainingDeadlineMs(job, status, now) === 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  const failedIndexes = parseIndexes(status.failedIndexes, spec.completions);
  if (spec.maxFailedIndexes !== undefined && failedIndexes.size > spec.maxFailedIndexes) {
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  const isIndexed = spec.completionMode === 'Indexed';
  const early = isIndexed ? matchSuccessPolicy(job, status) : undefined;
  if (early) return early;
  const succeeded = isIndexed ? (status.succeeded ?? 0) : (status.succeeded ?? 0) + uncountedSucceeded;
  if (spec.completions === undefined) {
    return succeeded > 0 && status.active === 0 ? COMPLETE : undefined;
  }
  if (failedIndexes.size > 0 && succeeded + failedIndexes.size >= spec.completions) {
    return failed('FailedIndexes', 'Job has failed indexes');
  }
  return succeeded >= spec.completions ? COMPLETE : undefined;
}

const COMPLETE: Verdict = {
  type: 'Complete',
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
};

function failed(reason: string, message: string): Verdict {
  return { type: 'Failed', reason, message };
}

/** With restartPolicy OnFailure it is restarts that count. */
function hasRestartedTooOften({ spec }: Job, pods: readonly Pod[], backoffLimit: number): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const live = pods.filter(({ status }) => status.phase === 'Running' || status.phase === 'Pending');
  const restarts = live.reduce((sum, pod) => sum + restartCount(pod), 0);
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit;
}

/** 0 where the deadline has passed, undefined where there is none. */
function remainingDeadlineMs({ spec }: Job, { startTime }: JobStatus, now: number): number | undefined {
  const start = parseTime(startTime);
  if (spec.activeDeadlineSeconds === undefined || start === undefined || spec.suspend) return undefined;
  return Math.max(0, start + Number(spec.activeDeadlineSeconds) * 1000 - now);
}

function matchSuccessPolicy({ spec }: Job, status: JobStatus): Verdict | undefined {
  const completed = parseIndexes(status.completedIndexes, spec.completions);
  for (const [index, rule] of (spec.successPolicy?.rules ?? []).entries()) {
    const wanted = rule.succeededIndexes === undefined ? undefined : parseIndexes(rule.succeededIndexes);
    const met = wanted ? wanted.intersection(completed).size : completed.size;
    if (met >= (rule.succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY)) {
      return { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${index}` };
    }
  }
  return undefined;
}

/** Pods are stopped; when none is left and all are counted the final condition is set. */
function planEnd(plan: JobPlan, active: readonly Pod[], verdict: Verdict, now: number): JobPlan {
  const { type, reason, message } = verdict;
  const target = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  let conditions = withCondition(plan.status.conditions ?? [], { type: target, status: 'True', reason, message }, now);
  const { uncountedTerminatedPods: uncounted = {}, terminating = 0 } = plan.status;
  const isCounted = !uncounted.failed?.length && !uncounted.succeeded?.length;
  const isOver = active.length === 0 && terminating === 0 && isCounted;
  const events: JobPlan['events'][number][] = [];
  if (isOver) {
    conditions = withCondition(conditions, { type, status: 'True', reason, message }, now);
    if (type === 'Complete') events.push({ type: 'Normal', reason: 'Completed', message: 'Job completed' });
    else events.push({ type: 'Warning', reason, message });
  }
  const completionTime = isOver && type === 'Complete' ? { completionTime: formatTime(now) } : {};
  return { ...plan, status: { ...plan.status, conditions, ...completionTime }, stop: active, events };
}

interface RunInput {
  readonly active: readonly Pod[];
  readonly pods: readonly Pod[];
  readonly terminating: number;
  readonly now: number;
}

function planRun(job: Job, plan: JobPlan, { active, pods, terminating, now }: RunInput): JobPlan {
  const { spec } = job;
  const deadline = remainingDeadlineMs(job, plan.status, now);
  if (spec.suspend) return planSuspended(plan, active, now);
  const resumed = plan.status.conditions?.find(({ type, status }) => type === 'Suspended' && status === 'True');
  const status = resumed ? resume(plan.status, now) : plan.status;
  const events = resumed ? [{ type: 'Normal' as const, reason: 'Resumed', message: 'Job resumed' }] : [];
  const running = { ...plan, status, events, againMs: deadline };
  const wanted = wantedActive(job, status);
  const surplus = active.length - wanted;
  if (surplus > 0) return { ...running, remove: leastAdvanced(active).slice(0, surplus) };
  const blocked = replacesOnlyFailed(job) ? terminating : 0;
  const missing = Math.min(wanted - active.length - blocked, MAX_CREATES);
  if (missing <= 0) return running;
  const waitMs = spec.backoffLimitPerIndex === undefined ? backoffMs(job, pods, now) : 0;
  if (waitMs > 0) return { ...running, againMs: Math.min(waitMs, deadline ?? waitMs) };
  return { ...running, create: whatToCreate(job, status, { active, pods, missing }) };
}

function whatToCreate(
  { spec }: Job,
  status: JobStatus,
  {
    active,
    pods,
    missing,
  }: { readonly active: readonly Pod[]; readonly pods: readonly Pod[]; readonly missing: number },
): JobPlan['create'] {
  if (spec.completionMode !== 'Indexed') return Array.from({ length: missing }, () => undefined);
  const holders = [...active, ...pods.filter(isPodTerminating)];
  const taken = [
    parseIndexes(status.completedIndexes, spec.completions),
    parseIndexes(status.failedIndexes, spec.completions),
    new Set(holders.flatMap((pod) => indexOf(pod) ?? [])),
  ];
  return freeIndexes(missing, spec.completions ?? 0, taken);
}

function planSuspended(plan: JobPlan, active: readonly Pod[], now: number): JobPlan {
  const { conditions: before = [], startTime: _, ...status } = plan.status;
  const condition = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' };
  const conditions = withCondition(before, condition, now);
  const events =
    conditions === before ? [] : [{ type: 'Normal' as const, reason: 'Suspended', message: 'Job suspended' }];
  return { ...plan, status: { ...status, conditions }, remove: active, events };
}

/** The deadline counts anew from the moment of resumption. */
function resume(status: JobStatus, now: number): JobStatus {
  const condition = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
  const conditions = withCondition(status.conditions ?? [], condition, now);
  return { ...status, conditions, startTime: formatTime(now) };
}

function wantedActive({ spec }: Job, status: JobStatus): number {
  const parallelism = spec.parallelism ?? 1;
  const uncounted = spec.completionMode === 'Indexed' ? 0 : (status.uncountedTerminatedPods?.succeeded?.length ?? 0);
  const succeeded = (status.succeeded ?? 0) + uncounted;
  // A work queue: once one pod has succeeded no new ones are started.
  if (spec.completions === undefined) return succeeded > 0 ? Math.min(status.active ?? 0, parallelism) : parallelism;
  const given = parseIndexes(status.failedIndexes, spec.completions).size;
  return Math.max(0, Math.min(parallelism, spec.completions - succeeded - given));
}

/** How long the next pod must wait after the failures since the last success. */
function backoffMs(job: Job, pods: readonly Pod[], now: number): number {
  const ends = pods.flatMap((pod) => {
    const failed = isFailed(job, pod);
    return failed || pod.status.phase === 'Succeeded' ? [{ failed, at: endOf(pod, now) }] : [];
  });
  const lastSuccess = Math.max(Number.NEGATIVE_INFINITY, ...ends.filter((end) => !end.failed).map(({ at }) => at));
  const failures = ends.filter(({ failed, at }) => failed && at > lastSuccess);
  if (failures.length === 0) return 0;
  const delay = Math.min(FIRST_BACKOFF_MS * 2 ** (failures.length - 1), MAX_BACKOFF_MS);
  return Math.max(0, Math.max(...failures.map(({ at }) => at)) + delay - now);
}

function endOf({ status, metadata }: Pod, now: number): number {
  const times = (status.containerStatuses ?? []).map(({ state }) => parseTime(state.terminated?.finishedAt) ?? 0);
  return Math.max(0, ...times) || (parseTime(metadata.deletionTimestamp) ?? now);
}

/** Pods that have done least come first. */
function leastAdvanced(pods: readonly Pod[]): readonly Pod[] {
  const rank = (pod: Pod) =>
    (pod.spec.nodeName ? 1 : 0) + (pod.status.phase === 'Running' ? 1 : 0) + (isPodReady(pod) ? 1 : 0);
  return pods.toSorted((a, b) => rank(a) - rank(b) || (indexOf(b) ?? 0) - (indexOf(a) ?? 0));
}

function withCondition(
  conditions: readonly JobCondition[],
  next: Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>,
  now: number,
): readonly JobCondition[] {
  const current = conditions.find(({ type }) => type === next.type);
  if (current?.status === next.status) return conditions;
  const time = formatTime(now);
  const condition = { ...next, lastProbeTime: time, lastTransitionTime: time };
  return current ? conditions.with(conditions.indexOf(current), condition) : [...conditions, condition];
}

/** Complete or Failed. */
export function isFinished({ status }: Job): boolean {
  return (status.conditions ?? []).some(
    (condition) => (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
}
