import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { formatTime } from '#machinery/time.ts';
import { shortAccessModes, storageClassOf } from '../access-modes.ts';
import { defaultPersistentVolume } from './defaults.ts';
import { validatePersistentVolume, validatePersistentVolumeUpdate } from './validation.ts';
import { persistentVolumeWarnings } from './warnings.ts';

/** A piece of storage of the cluster. Source: core/v1 API. */
export const persistentVolume = defineResource('v1', 'PersistentVolume', {
  plural: 'persistentvolumes',
  scope: 'cluster',
  metadataChecks: ['whole'],
  shortNames: ['pv'],
  returnsDeleted: true,
  allColumns: [
    nameColumn,
    column('Capacity', ({ spec }) => spec.capacity?.['storage'] ?? '0'),
    column('Access Modes', ({ spec }) => shortAccessModes(spec.accessModes)),
    column('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    column('Status', ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''))),
    column('Claim', ({ spec }) =>
      spec.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
    ),
    column('StorageClass', (volume) => storageClassOf(volume)),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    column('Reason', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wideColumn('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>'),
  ],

  defaults: defaultPersistentVolume,
  prepareForCreate(draft, { now }) {
    draft.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(now) };
  },
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  warnings: persistentVolumeWarnings,

  subresources: {
    status: {
      /** A new phase without a time of its own begins now. */
      prepareForUpdate({ status }, old, { now }) {
        if (!status || status.phase === old.status?.phase) return;
        const before = old.status?.lastPhaseTransitionTime;
        if (!status.lastPhaseTransitionTime || status.lastPhaseTransitionTime === before) {
          status.lastPhaseTransitionTime = formatTime(now);
        }
      },
    },
  },
});
