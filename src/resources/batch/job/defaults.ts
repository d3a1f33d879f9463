import type { Draft } from '#machinery/object.ts';
import type { JobSpec } from '#machinery/types/batch-v1.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';

const BACKOFF_LIMIT = 6;
const NO_BACKOFF_LIMIT = 2_147_483_647;

/** Source: batch/v1 API, JobSpec. */
export function defaultJobSpec(spec: Draft<JobSpec>): void {
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
    spec.parallelism = 1;
  }
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : NO_BACKOFF_LIMIT;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  defaultFailurePolicy(spec);
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  defaultPodTemplate(spec.template);
}

/** Also in the templates of cron jobs, which get no other default of a job. */
export function defaultFailurePolicy({ podFailurePolicy }: Draft<JobSpec>): void {
  for (const rule of podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  }
}
