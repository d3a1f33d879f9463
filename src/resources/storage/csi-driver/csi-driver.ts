import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { semanticEqual } from '#machinery/equality.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { validateCsiDriver, validateCsiDriverUpdate } from './validation.ts';

/** What a CSI driver can do. Source: storage.k8s.io/v1 API. */
export const csiDriver = defineResource('storage.k8s.io/v1', 'CSIDriver', {
  plural: 'csidrivers',
  scope: 'cluster',
  unconditionalUpdate: false,
  returnsDeleted: true,
  allColumns: [
    nameColumn,
    column('AttachRequired', ({ spec }) => spec.attachRequired ?? true, { type: 'boolean' }),
    column('PodInfoOnMount', ({ spec }) => spec.podInfoOnMount ?? false, { type: 'boolean' }),
    column('StorageCapacity', ({ spec }) => spec.storageCapacity ?? false, { type: 'boolean' }),
    column('TokenRequests', ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>'),
    column('RequiresRepublish', ({ spec }) => spec.requiresRepublish ?? false, { type: 'boolean' }),
    column('Modes', ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>'),
    ageColumn,
  ],

  defaults(draft) {
    draft.spec ??= {};
    const { spec } = draft;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  prepareForCreate({ spec }, { featureOn }) {
    if (!featureOn('VolumeLimitScaling')) delete spec.preventPodSchedulingIfMissing;
  },
  /** The generation is counted from the first change on: a new driver has none. */
  prepareForUpdate({ metadata, spec }, old, { featureOn }) {
    if (!featureOn('VolumeLimitScaling') && old.spec.preventPodSchedulingIfMissing === undefined) {
      delete spec.preventPodSchedulingIfMissing;
    }
    if (!semanticEqual(spec, old.spec)) metadata.generation = Number(old.metadata.generation ?? 0) + 1;
  },
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
  warnings({ spec }) {
    return (spec.tokenRequests ?? []).length > 0 && !spec.requiresRepublish
      ? ['spec.requiresRepublish: tokens of spec.tokenRequests are not renewed before they expire unless this is true']
      : [];
  },
});
