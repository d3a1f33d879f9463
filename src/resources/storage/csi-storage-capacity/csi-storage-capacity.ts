import { type FieldError, FieldPath } from '#machinery/field-error.ts';
import { createdAtColumns } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { CSIStorageCapacity } from '#machinery/types/storage-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { nonNegativeQuantity } from '../../core/resource-names.ts';

/** How much a driver can still give on a part of the cluster. Source: storage.k8s.io/v1 API. */
export const csiStorageCapacity = defineResource('storage.k8s.io/v1', 'CSIStorageCapacity', {
  plural: 'csistoragecapacities',
  scope: 'namespaced',
  unconditionalUpdate: false,
  allColumns: createdAtColumns,

  validate: validateCapacity,
  validateUpdate: (capacity, old) => [
    ...validateCapacity(capacity),
    ...validateImmutable(capacity.nodeTopology, old.nodeTopology, FieldPath.of('nodeTopology')),
    ...validateImmutable(capacity.storageClassName, old.storageClassName, FieldPath.of('storageClassName')),
  ],
});

function validateCapacity({
  storageClassName,
  nodeTopology,
  capacity,
  maximumVolumeSize,
}: CSIStorageCapacity): FieldError[] {
  const size = (text: string | undefined, field: string) =>
    text === undefined ? [] : nonNegativeQuantity(text, FieldPath.of(field));
  return [
    ...invalidFor(
      isDnsSubdomain(storageClassName ?? '', false),
      storageClassName ?? '',
      FieldPath.of('storageClassName'),
    ),
    ...validateLabelSelector(nodeTopology, FieldPath.of('nodeTopology')),
    ...size(capacity, 'capacity'),
    ...size(maximumVolumeSize, 'maximumVolumeSize'),
  ];
}
