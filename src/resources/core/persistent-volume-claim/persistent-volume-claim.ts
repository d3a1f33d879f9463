import { milliValue, parseQuantity } from '#machinery/quantity.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';
import { BETA_STORAGE_CLASS, shortAccessModes, storageClassOf } from '../access-modes.ts';
import { roundQuantities } from '../pod/defaults.ts';
import { dropForeignDataSource, dropNamespaceOfDataSource, mirrorDataSource } from './data-source.ts';
import {
  validateClaimStatus,
  validatePersistentVolumeClaim,
  validatePersistentVolumeClaimUpdate,
} from './validation.ts';

function isBound({ spec }: PersistentVolumeClaim): boolean {
  return Boolean(spec.volumeName);
}

/** A user's request for a volume. Source: core/v1 API. */
export const persistentVolumeClaim = defineResource('v1', 'PersistentVolumeClaim', {
  plural: 'persistentvolumeclaims',
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  shortNames: ['pvc'],
  returnsDeleted: true,
  allColumns: [
    nameColumn,
    column('Status', ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''))),
    column('Volume', ({ spec }) => spec.volumeName ?? ''),
    column('Capacity', (claim) => (isBound(claim) ? (claim.status?.capacity?.['storage'] ?? '0') : '')),
    column('Access Modes', (claim) => (isBound(claim) ? shortAccessModes(claim.status?.accessModes) : '')),
    column('StorageClass', (claim) => storageClassOf(claim)),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    ageColumn,
    wideColumn('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>'),
  ],

  defaults(claim) {
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
    claim.spec ??= { resources: {} };
    claim.spec.volumeMode ??= 'Filesystem';
    claim.spec.resources ??= {};
    roundQuantities(claim.spec.resources.requests);
    roundQuantities(claim.spec.resources.limits);
    roundQuantities(claim.status.capacity);
    roundQuantities(claim.status.allocatedResources);
  },
  prepareForCreate(draft, { featureOn }) {
    draft.status = { phase: 'Pending' };
    dropNamespaceOfDataSource(draft.spec, undefined, featureOn);
    dropForeignDataSource(draft.spec, undefined);
    mirrorDataSource(draft.spec);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropNamespaceOfDataSource(draft.spec, old.spec, featureOn);
    dropForeignDataSource(draft.spec, old.spec);
    mirrorDataSource(draft.spec);
  },
  validate: validatePersistentVolumeClaim,
  validateUpdate: validatePersistentVolumeClaimUpdate,
  warnings({ metadata, spec }) {
    const size = spec.resources?.requests?.['storage'];
    return [
      ...(metadata.annotations?.[BETA_STORAGE_CLASS] === undefined
        ? []
        : [
            `metadata.annotations[${BETA_STORAGE_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`,
          ]),
      ...(size !== undefined && milliValue(parseQuantity(size)) % 1000n !== 0n
        ? [`spec.resources.requests[storage]: fractional byte value "${size}" is invalid, must be an integer`]
        : []),
    ];
  },

  subresources: { status: { validateUpdate: validateClaimStatus } },
});
