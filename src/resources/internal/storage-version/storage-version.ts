import { defineResource } from '#machinery/resource/define.ts';

export const storageVersion = defineResource('internal.apiserver.k8s.io/v1alpha1', 'StorageVersion', {
  plural: 'storageversions',
  scope: 'cluster',
  subresources: { status: true },
});
