import { defineResource } from '#machinery/resource/define.ts';

export const volumeAttachment = defineResource('storage.k8s.io/v1', 'VolumeAttachment', {
  plural: 'volumeattachments',
  scope: 'cluster',
  subresources: { status: true },
});
