import { defineResource } from '#machinery/resource/define.ts';

export const storageClass = defineResource('storage.k8s.io/v1', 'StorageClass', {
  plural: 'storageclasses',
  scope: 'cluster',
  shortNames: ['sc'],
});
