import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import type { Job } from '#machinery/types/batch-v1.ts';
import { nonNegativeCounts } from '../../apps/workload.ts';

const STATUS = FieldPath.of('status');
const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

function has(job: Job, name: string): boolean {
  return (job.status?.conditions ?? []).some(({ type, status }) => type === name && status === 'True');
}

/** What a job's status can be: one end at most, and no way back from it. */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const errors = nonNegativeCounts(job.status, COUNTS);
  const conditions = STATUS.at('conditions');
  const wrong = (path: FieldPath, value: unknown, why: string) => errors.push(invalid(path, value, why));
  const complete = has(job, 'Complete');
  const failed = has(job, 'Failed');
  const { startTime, completionTime } = job.status ?? {};
  if (complete && failed)
    wrong(conditions, job.status?.conditions, 'cannot set Complete=True and Failed=true conditions');
  if (complete && has(job, 'FailureTarget')) {
    wrong(conditions, job.status?.conditions, 'cannot set Complete=True and FailureTarget=true conditions');
  }
  if (failed && has(job, 'SuccessCriteriaMet')) {
    wrong(conditions, job.status?.conditions, 'cannot set Failed=True and SuccessCriteriaMet=true conditions');
  }
  for (const type of ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet']) {
    if (has(old, type) && !has(job, type))
      wrong(conditions, job.status?.conditions, `cannot remove or change the terminal condition ${type}`);
  }
  if (complete && !completionTime) {
    errors.push({
      type: 'FieldValueRequired',
      field: STATUS.at('completionTime').toString(),
      message: 'Required value: completionTime is required for Complete jobs',
    });
  }
  if (completionTime && !complete)
    wrong(
      STATUS.at('completionTime'),
      completionTime,
      'completionTime cannot be set when there is no Complete=True condition',
    );
  if (completionTime && startTime && Date.parse(completionTime) < Date.parse(startTime)) {
    wrong(STATUS.at('completionTime'), completionTime, 'completionTime cannot be set before startTime');
  }
  if ((complete || failed) && (job.status?.active ?? 0) > 0) {
    wrong(STATUS.at('active'), job.status?.active, 'active>0 is invalid for finished job');
  }
  return errors;
}
