import { type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { ReplicationController } from '#machinery/types/core-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { containerColumns, labelsCell, nameWarnings, validateRunningTemplate } from '../../apps/workload.ts';
import { validateReplicasStatus } from '../../apps/replica-set/replica-set.ts';
import { defaultPodTemplate } from '../pod/defaults.ts';
import { dropDisabledFields } from '../pod/prepare.ts';
import { changedTemplateWarnings } from '../pod/warnings.ts';

const SPEC = FieldPath.of('spec');

/** The older form of a ReplicaSet, with a plain map as its selector. Source: core/v1 API. */
export const replicationController = defineResource('v1', 'ReplicationController', {
  plural: 'replicationcontrollers',
  storagePath: 'controllers',
  scope: 'namespaced',
  shortNames: ['rc'],
  categories: ['all'],
  hasGeneration: true,
  defaultPropagation: 'Orphan',
  subresources: {
    status: { validateUpdate: validateReplicasStatus },
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },

  allColumns: [
    nameColumn,
    column('Desired', ({ spec }) => spec.replicas ?? 0, { type: 'integer' }),
    column('Current', ({ status }) => status?.replicas ?? 0, { type: 'integer' }),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0, { type: 'integer' }),
    ageColumn,
    ...containerColumns,
    wideColumn('Selector', ({ spec }) => labelsCell(spec.selector)),
  ],

  defaults({ metadata, spec }) {
    const labels = spec.template?.metadata?.labels ?? {};
    if (Object.keys(labels).length > 0) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    }
    spec.replicas ??= 1;
    if (spec.template) defaultPodTemplate(spec.template);
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = { replicas: 0 };
    if (draft.spec.template) dropDisabledFields(draft.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    if (draft.spec.template) dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template?.spec);
  },
  validate: validateController,
  warnings: (object, old) => [
    ...(old ? [] : nameWarnings(object.metadata)),
    ...(object.spec.template ? changedTemplateWarnings(object, old, object.spec.template) : []),
  ],
});

function validateController({ spec }: ReplicationController, { featureOn }: WriteContext): FieldError[] {
  const selector = spec.selector ?? {};
  return [
    ...nonNegative(spec.minReadySeconds, SPEC.at('minReadySeconds')),
    ...(Object.keys(selector).length === 0 ? [required(SPEC.at('selector'))] : []),
    ...(spec.replicas === undefined
      ? [required(SPEC.at('replicas'))]
      : nonNegative(spec.replicas, SPEC.at('replicas'))),
    ...selectsTemplate(spec),
    ...validateRunningTemplate(spec.template, { selector: undefined, kind: 'ReplicationController' }, featureOn),
  ];
}

/** The selector is a plain map here: not even its keys are looked at. */
function selectsTemplate({ selector = {}, template }: ReplicationController['spec']): FieldError[] {
  const labels = template?.metadata?.labels ?? {};
  if (!template || Object.entries(selector).every(([key, value]) => labels[key] === value)) return [];
  return [invalid(SPEC.at('template', 'metadata', 'labels'), labels, '`selector` does not match template `labels`')];
}
