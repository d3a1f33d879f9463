import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { defaultClaim } from '../../core/persistent-volume-claim/defaults.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import { containerColumns } from '../workload.ts';
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './validation.ts';

/** Pods with names, volumes and an order of their own. Source: apps/v1 API. */
export const statefulSet = defineResource('apps/v1', 'StatefulSet', {
  plural: 'statefulsets',
  scope: 'namespaced',
  shortNames: ['sts'],
  categories: ['all'],
  hasGeneration: true,
  validateName: isDnsLabel,
  subresources: {
    status: { validateUpdate: validateStatefulSetStatus },
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },

  allColumns: [
    nameColumn,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    ageColumn,
    ...containerColumns,
  ],

  defaults({ spec }) {
    defaultPodTemplate(spec.template);
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      defaultClaim(claim);
    }
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    if (!spec.updateStrategy.type) {
      spec.updateStrategy.type = 'RollingUpdate';
      if (!spec.updateStrategy.rollingUpdate) spec.updateStrategy.rollingUpdate = { partition: 0 };
    }
    if (spec.updateStrategy.type === 'RollingUpdate' && spec.updateStrategy.rollingUpdate) {
      spec.updateStrategy.rollingUpdate.partition ??= 0;
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = { replicas: 0, availableReplicas: 0 };
    dropDisabledFields(draft.spec.template.spec, featureOn);
    if (!featureOn('MaxUnavailableStatefulSet')) delete draft.spec.updateStrategy.rollingUpdate?.maxUnavailable;
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template.spec);
    const had = old.spec.updateStrategy.rollingUpdate?.maxUnavailable !== undefined;
    if (!featureOn('MaxUnavailableStatefulSet') && !had) delete draft.spec.updateStrategy.rollingUpdate?.maxUnavailable;
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  warnings: (object, old) => [
    ...changedTemplateWarnings(object, old, object.spec.template),
    ...((object.spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
});
