import { semanticEqual } from '#machinery/equality.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import { containerColumns, nameWarnings, selectorCell } from '../workload.ts';
import { validateDeployment, validateDeploymentStatus, validateDeploymentUpdate } from './validation.ts';

/** Runs replicas of a pod and rolls changes out step by step. Source: apps/v1 API. */
export const deployment = defineResource('apps/v1', 'Deployment', {
  plural: 'deployments',
  scope: 'namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
  hasGeneration: true,
  subresources: {
    status: {
      prepareForUpdate({ metadata }, old) {
        if (old.metadata.labels) metadata.labels = { ...old.metadata.labels };
        else delete metadata.labels;
      },
      validateUpdate: validateDeploymentStatus,
    },
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },

  allColumns: [
    nameColumn,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns,
    wideColumn('Selector', ({ spec }) => selectorCell(spec.selector)),
  ],

  defaults({ spec }) {
    defaultPodTemplate(spec.template);
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = {};
    dropDisabledFields(draft.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template.spec);
  },
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  /** Annotations go to the replica sets, so they count. */
  generationChanged: (object, old) =>
    !semanticEqual(object.spec, old.spec) ||
    !semanticEqual(object.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
  warnings: (object, old) => [
    ...(old ? [] : nameWarnings(object.metadata)),
    ...changedTemplateWarnings(object, old, object.spec.template),
  ],
});
