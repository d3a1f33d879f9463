import { defineResource } from '#machinery/resource/define.ts';

export const storageVersionMigration = defineResource('storagemigration.k8s.io/v1beta1', 'StorageVersionMigration', {
  plural: 'storageversionmigrations',
  scope: 'cluster',
  subresources: { status: true },
});
