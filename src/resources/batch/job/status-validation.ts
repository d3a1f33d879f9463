import { duplicate, type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { Job, JobStatus } from '#machinery/types/batch-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { nonNegativeCounts } from '../../apps/workload.ts';
import { parseIndexes } from './policy-validation.ts';

const STATUS = FieldPath.of('status');
const CONDITIONS = STATUS.at('conditions');
const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

/** Pairs of conditions that exclude each other. */
const EXCLUSIVE = [
  ['Complete', 'Failed'],
  ['Complete', 'FailureTarget'],
  ['FailureTarget', 'SuccessCriteriaMet'],
  ['Failed', 'SuccessCriteriaMet'],
] as const;

/** What a job must be on its way to before it is there. Source: KEP-3998. */
const FIRST = { Complete: 'SuccessCriteriaMet', Failed: 'FailureTarget' } as const;

function has({ status }: Job, name: string): boolean {
  return (status?.conditions ?? []).some(({ type, status }) => type === name && status === 'True');
}

/** What a job's status can be: one end at most, no way back from it, and counts that only grow. */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const status: JobStatus = job.status ?? {};
  return [
    ...nonNegativeCounts(status, COUNTS),
    ...validateUncounted(status),
    ...validateConditions(job, old),
    ...validateTimes(job, status),
    ...validateFinished(job, status),
    ...validateIndexes(job, status),
    ...validateProgress(job, old),
  ];
}

function validateUncounted({ uncountedTerminatedPods }: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    eachItem(uncountedTerminatedPods?.[list], STATUS.at('uncountedTerminatedPods', list), (uid, at) => {
      if (uid === '') return [invalid(at, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(at, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function validateConditions(job: Job, old: Job): FieldError[] {
  const wrong = (why: string) => invalid(CONDITIONS, job.status?.conditions ?? null, why);
  const errors = EXCLUSIVE.filter(([one, other]) => has(job, one) && has(job, other)).map(([one, other]) =>
    wrong(`cannot set ${one}=True and ${other}=true conditions`),
  );
  for (const [end, before] of Object.entries(FIRST)) {
    if (has(job, end) && !has(old, end) && !has(job, before))
      errors.push(wrong(`cannot set ${end}=True condition without the ${before}=true condition`));
  }
  return errors;
}

function validateTimes(job: Job, { startTime, completionTime }: JobStatus): FieldError[] {
  const path = STATUS.at('completionTime');
  const errors: FieldError[] = [];
  const complete = has(job, 'Complete');
  if (completionTime && !complete) {
    errors.push(invalid(path, completionTime, 'cannot set completionTime when there is no Complete=True condition'));
  }
  if (!completionTime && complete) errors.push(required(path, 'completionTime is required for Complete jobs'));
  if (completionTime && startTime && Date.parse(completionTime) < Date.parse(startTime)) {
    errors.push(invalid(path, completionTime, 'completionTime cannot be set before startTime'));
  }
  return errors;
}

function validateFinished(job: Job, status: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const { active = 0, ready = 0, terminating = 0, uncountedTerminatedPods, startTime } = status;
  if (has(job, 'Complete') || has(job, 'Failed')) {
    if (active > 0) errors.push(invalid(STATUS.at('active'), active, 'active>0 is invalid for finished job'));
    if (terminating > 0) {
      errors.push(invalid(STATUS.at('terminating'), terminating, 'terminating>0 is invalid for finished job'));
    }
    if (!startTime) errors.push(required(STATUS.at('startTime'), 'startTime is required for finished job'));
    const uncounted = Object.values(uncountedTerminatedPods ?? {}).some((uids) => (uids ?? []).length > 0);
    if (uncounted) {
      errors.push(
        invalid(
          STATUS.at('uncountedTerminatedPods'),
          uncountedTerminatedPods,
          'uncountedTerminatedPods needs to be empty for finished job',
        ),
      );
    }
  }
  if (active >= 0 && ready > active) {
    errors.push(invalid(STATUS.at('ready'), ready, 'cannot set more ready pods than active'));
  }
  return errors;
}

function validateIndexes({ spec }: Job, { completedIndexes, failedIndexes }: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const completed = STATUS.at('completedIndexes');
  const failed = STATUS.at('failedIndexes');
  if (completedIndexes && spec.completionMode !== 'Indexed') {
    return [
      invalid(completed, completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'),
    ];
  }
  if (failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    return [invalid(failed, failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')];
  }
  const done = parseIndexes(completedIndexes ?? '', spec.completions ?? 0);
  const lost = parseIndexes(failedIndexes ?? '', spec.completions ?? 0);
  if (!done) errors.push(invalid(completed, completedIndexes, 'error parsing completedIndexes'));
  if (!lost) errors.push(invalid(failed, failedIndexes, 'error parsing failedIndexes'));
  const overlap = (lost ?? []).some(([from, to]) => (done ?? []).some(([start, end]) => from <= end && start <= to));
  if (overlap) errors.push(invalid(failed, failedIndexes, 'failedIndexes and completedIndexes overlap'));
  return errors;
}

const TERMINAL = ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'];

function validateProgress(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  for (const count of ['failed', 'succeeded'] as const) {
    const before = old.status?.[count] ?? 0;
    const now = job.status?.[count] ?? 0;
    const indexed =
      count === 'succeeded' && job.spec.completionMode === 'Indexed' && job.spec.completions !== old.spec.completions;
    if (now < before && !indexed) errors.push(invalid(STATUS.at(count), now, `cannot decrease the ${count} counter`));
  }
  for (const type of TERMINAL) {
    if (!has(old, type) || has(job, type)) continue;
    errors.push(
      invalid(CONDITIONS, job.status?.conditions ?? null, `cannot disable the terminal ${type}=True condition`),
    );
  }
  const before = old.status?.startTime;
  const now = job.status?.startTime;
  if (before && before !== now && !job.spec.suspend) {
    errors.push(
      invalid(
        STATUS.at('startTime'),
        now ?? null,
        now ? 'startTime cannot be modified for unsuspended job' : 'startTime cannot be removed for unsuspended job',
      ),
    );
  }
  return errors;
}
