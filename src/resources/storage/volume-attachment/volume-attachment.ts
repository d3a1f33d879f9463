import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { keepMetadata } from '#machinery/resource/status-metadata.ts';
import { validateVolumeAttachment, validateVolumeAttachmentUpdate } from './validation.ts';

/** A volume that is to be attached to a node. Source: storage.k8s.io/v1 API. */
export const volumeAttachment = defineResource('storage.k8s.io/v1', 'VolumeAttachment', {
  plural: 'volumeattachments',
  scope: 'cluster',
  unconditionalUpdate: false,
  returnsDeleted: true,
  allColumns: [
    nameColumn,
    column('Attacher', ({ spec }) => spec.attacher, { format: 'name' }),
    column('PV', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', ({ spec }) => spec.nodeName),
    column('Attached', ({ status }) => status?.attached ?? false, { type: 'boolean' }),
    ageColumn,
  ],

  prepareForCreate(draft) {
    draft.status = { attached: false };
  },
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,

  subresources: {
    status: {
      prepareForUpdate: keepMetadata,
      validateUpdate: validateVolumeAttachmentUpdate,
    },
  },
});
