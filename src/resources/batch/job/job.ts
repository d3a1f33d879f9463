import { semanticEqual } from '#machinery/equality.ts';
import type { Draft } from '#machinery/object.ts';
import { ageColumn, type Cell, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Job } from '#machinery/types/batch-v1.ts';
import { containerColumns, nameWarnings, selectorCell } from '../../apps/workload.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import { defaultJobSpec } from './defaults.ts';
import { validateJobStatus } from './status-validation.ts';
import { validateJob, validateJobUpdate } from './validation.ts';

/** Runs pods to their end. Source: batch/v1 API. */
export const job = defineResource('batch/v1', 'Job', {
  plural: 'jobs',
  scope: 'namespaced',
  categories: ['all'],
  hasGeneration: true,
  defaultPropagation: 'Orphan',
  deletionWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  subresources: { status: { validateUpdate: validateJobStatus } },
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },

  allColumns: [
    nameColumn,
    column('Status', statusCell),
    column('Completions', completionsCell),
    column('Duration', durationCell),
    ageColumn,
    ...containerColumns,
    wideColumn('Selector', ({ spec }) => selectorCell(spec.selector)),
  ],

  defaults({ metadata, spec }) {
    defaultJobSpec(spec);
    const labels = spec.template.metadata?.labels;
    if (labels && Object.keys(metadata.labels ?? {}).length === 0 && Object.keys(labels).length > 0) {
      metadata.labels = { ...labels };
    }
  },

  prepareForCreate(draft, { featureOn }) {
    const { labels } = draft.metadata;
    const shared = labels && semanticEqual(labels, draft.spec.template.metadata?.labels ?? {});
    generateSelector(draft);
    if (shared) draft.metadata.labels = { ...draft.spec.template.metadata?.labels }; // one map upstream
    draft.status = {};
    dropDisabledFields(draft.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template.spec);
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  warnings: (object, old) => [
    ...(old ? [] : nameWarnings(object.metadata)),
    ...changedTemplateWarnings(object, old, object.spec.template),
  ],
});

/** A job selects its own pods by its uid, unless its author insists on a selector of his own. */
function generateSelector({ metadata, spec }: Draft<Job>): void {
  if (spec.manualSelector) return;
  const uid = metadata.uid ?? '';
  spec.template.metadata ??= {};
  spec.template.metadata.labels ??= {};
  const { labels } = spec.template.metadata;
  labels['job-name'] ??= metadata.name ?? '';
  labels['batch.kubernetes.io/job-name'] ??= metadata.name ?? '';
  labels['controller-uid'] ??= uid;
  labels['batch.kubernetes.io/controller-uid'] ??= uid;
  spec.selector ??= { matchLabels: {} };
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels['batch.kubernetes.io/controller-uid'] ??= uid;
}

function statusCell({ spec, metadata, status }: Job): string {
  const has = (name: string) =>
    (status?.conditions ?? []).some(({ type, status }) => type === name && status === 'True');
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  if (has('Suspended')) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  if (has('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return spec.suspend && !status ? 'Suspended' : 'Running';
}

function completionsCell({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: Job): Cell {
  if (!status?.startTime) return '';
  return { since: status.startTime, ...(status.completionTime ? { until: status.completionTime } : {}) };
}
