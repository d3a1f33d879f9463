import { column, ageColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { StorageClass } from '#machinery/types/storage-v1.ts';
import { DEPRECATED_NODE_LABELS } from '../../core/pod/warnings.ts';
import { validateStorageClass, validateStorageClassUpdate } from './validation.ts';

const DEFAULT_CLASS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** A way to make volumes. Source: storage.k8s.io/v1 API. */
export const storageClass = defineResource('storage.k8s.io/v1', 'StorageClass', {
  plural: 'storageclasses',
  scope: 'cluster',
  shortNames: ['sc'],
  returnsDeleted: true,
  allColumns: [
    column('Name', nameCell, { format: 'name' }),
    column('Provisioner', ({ provisioner }) => provisioner),
    column('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    column('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>'),
    column('AllowVolumeExpansion', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],

  defaults(draft) {
    draft.reclaimPolicy ??= 'Delete';
    draft.volumeBindingMode ??= 'Immediate';
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  warnings({ allowedTopologies }) {
    return (allowedTopologies ?? []).flatMap(({ matchLabelExpressions }, term) =>
      (matchLabelExpressions ?? []).flatMap(({ key }, index) => {
        const text = DEPRECATED_NODE_LABELS[key];
        return text ? [`allowedTopologies[${term}].matchLabelExpressions[${index}].key: ${text}`] : [];
      }),
    );
  },
});

function nameCell({ metadata }: StorageClass): string {
  const isDefault = DEFAULT_CLASS.some((name) => metadata.annotations?.[name] === 'true');
  return isDefault ? `${metadata.name} (default)` : (metadata.name ?? '');
}
