import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { CronJob } from '#machinery/types/batch-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { containerImages, containerNames, nameWarnings, selectorCell } from '../../apps/workload.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import { defaultFailurePolicy } from '../job/defaults.ts';
import { validateJobSpec } from '../job/validation.ts';
import { isCronSchedule, isTimeZone } from './schedule.ts';

const SPEC = FieldPath.of('spec');
const POLICIES = ['Allow', 'Forbid', 'Replace'];
/** A job's name is that of its cron job with the minute after it. */
const MAX_NAME = 52;

/** Makes jobs by the clock. Source: batch/v1 API. */
export const cronJob = defineResource('batch/v1', 'CronJob', {
  plural: 'cronjobs',
  scope: 'namespaced',
  shortNames: ['cj'],
  categories: ['all'],
  hasGeneration: true,
  subresources: { status: true },

  allColumns: [
    nameColumn,
    column('Schedule', ({ spec }) => spec.schedule),
    column('Timezone', ({ spec }) => spec.timeZone ?? '<none>'),
    column('Suspend', ({ spec }) => (spec.suspend ? 'True' : 'False'), { type: 'boolean' }),
    column('Active', ({ status }) => (status?.active ?? []).length, { type: 'integer' }),
    column('Last Schedule', ({ status }) => (status?.lastScheduleTime ? { since: status.lastScheduleTime } : '<none>')),
    ageColumn,
    wideColumn('Containers', ({ spec }) => containerNames(spec.jobTemplate.spec.template)),
    wideColumn('Images', ({ spec }) => containerImages(spec.jobTemplate.spec.template)),
    wideColumn('Selector', ({ spec }) => selectorCell(spec.jobTemplate.spec.selector)),
  ],

  defaults({ spec }) {
    defaultPodTemplate(spec.jobTemplate.spec.template);
    defaultFailurePolicy(spec.jobTemplate.spec);
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = {};
    dropDisabledFields(draft.spec.jobTemplate.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec.jobTemplate.spec.template.spec, featureOn, old.spec.jobTemplate.spec.template.spec);
  },
  validate: validateCronJob,
  warnings: (object, old) => [
    ...(old ? [] : nameWarnings(object.metadata)),
    ...changedTemplateWarnings(object, old, object.spec.jobTemplate.spec.template, 'spec.jobTemplate.spec.template.'),
  ],
});

function validateCronJob({ metadata, spec }: CronJob, { featureOn }: WriteContext): FieldError[] {
  const errors: FieldError[] = [];
  if ((metadata.name ?? '').length > MAX_NAME) {
    errors.push(
      invalid(FieldPath.of('metadata', 'name'), metadata.name, `must be no more than ${MAX_NAME} characters`),
    );
  }
  const schedule = SPEC.at('schedule');
  if (!spec.schedule) errors.push(required(schedule));
  else {
    if (!isCronSchedule(spec.schedule)) errors.push(invalid(schedule, spec.schedule, 'must be a valid cron schedule'));
    if (/TZ/.test(spec.schedule)) {
      errors.push(invalid(schedule, spec.schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
    }
  }
  errors.push(...validateTimeZone(spec.timeZone, SPEC.at('timeZone')));
  errors.push(...nonNegative(spec.startingDeadlineSeconds, SPEC.at('startingDeadlineSeconds')));
  if (!spec.concurrencyPolicy) errors.push(required(SPEC.at('concurrencyPolicy')));
  else if (!POLICIES.includes(spec.concurrencyPolicy)) {
    errors.push(notSupported(SPEC.at('concurrencyPolicy'), spec.concurrencyPolicy, POLICIES));
  }
  return [
    ...errors,
    ...validateJobTemplate(spec.jobTemplate, SPEC.at('jobTemplate', 'spec'), featureOn),
    ...nonNegative(spec.successfulJobsHistoryLimit, SPEC.at('successfulJobsHistoryLimit')),
    ...nonNegative(spec.failedJobsHistoryLimit, SPEC.at('failedJobsHistoryLimit')),
  ];
}

function validateTimeZone(zone: string | undefined, path: FieldPath): FieldError[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ];
  return isTimeZone(zone) ? [] : [invalid(path, zone, `unknown time zone ${zone}`)];
}

/** Jobs of a cron job get their selectors when they are made. */
function validateJobTemplate(
  { spec }: CronJob['spec']['jobTemplate'],
  path: FieldPath,
  featureOn: WriteContext['featureOn'],
): FieldError[] {
  const errors = validateJobSpec(spec, path, featureOn);
  if (spec.selector) errors.push(invalid(path.at('selector'), spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector) errors.push(notSupported(path.at('manualSelector'), spec.manualSelector, ['nil', 'false']));
  return errors;
}
