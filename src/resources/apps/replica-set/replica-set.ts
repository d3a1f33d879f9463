import { type FieldError, FieldPath } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { ReplicaSet } from '#machinery/types/apps-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import {
  containerColumns,
  immutable,
  nameWarnings,
  nonNegativeCounts,
  notGreater,
  selectorCell,
  validateRunningTemplate,
  validateWorkloadSelector,
} from '../workload.ts';

const SPEC = FieldPath.of('spec');

/** Keeps a number of equal pods. Source: apps/v1 API. */
export const replicaSet = defineResource('apps/v1', 'ReplicaSet', {
  plural: 'replicasets',
  scope: 'namespaced',
  shortNames: ['rs'],
  categories: ['all'],
  hasGeneration: true,
  subresources: {
    status: { validateUpdate: validateReplicasStatus },
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },

  allColumns: [
    nameColumn,
    column('Desired', ({ spec }) => spec.replicas ?? 0, { type: 'integer' }),
    column('Current', ({ status }) => status?.replicas ?? 0, { type: 'integer' }),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0, { type: 'integer' }),
    ageColumn,
    ...containerColumns,
    wideColumn('Selector', ({ spec }) => selectorCell(spec.selector)),
  ],

  defaults({ spec }) {
    if (spec.template) defaultPodTemplate(spec.template);
    spec.replicas ??= 1;
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = { replicas: 0 };
    if (draft.spec.template) dropDisabledFields(draft.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    if (draft.spec.template) dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template?.spec);
  },
  validate: validateReplicaSet,
  validateUpdate: (set, old, context) => [
    ...validateReplicaSet(set, context),
    ...immutable(set.spec.selector, old.spec.selector, SPEC.at('selector')),
  ],
  warnings: (object, old) => [
    ...(old ? [] : nameWarnings(object.metadata)),
    ...(object.spec.template ? changedTemplateWarnings(object, old, object.spec.template) : []),
  ],
});

function validateReplicaSet({ spec }: ReplicaSet, { featureOn }: WriteContext): FieldError[] {
  return [
    ...nonNegative(spec.replicas, SPEC.at('replicas')),
    ...nonNegative(spec.minReadySeconds, SPEC.at('minReadySeconds')),
    ...validateWorkloadSelector(spec.selector, 'deployment'),
    ...validateRunningTemplate(spec.template, { selector: spec.selector, kind: 'ReplicaSet' }, featureOn),
  ];
}

const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
] as const;

/** For replica sets and replication controllers, whose statuses are the same. */
export function validateReplicasStatus({ status }: { readonly status: Partial<ReplicaSet['status']> }): FieldError[] {
  const counts = { ...status };
  return [
    ...nonNegativeCounts(status, COUNTS),
    ...notGreater(counts, 'fullyLabeledReplicas', 'replicas'),
    ...notGreater(counts, 'readyReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'readyReplicas'),
  ];
}
