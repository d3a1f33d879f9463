import { defineResource } from '#machinery/resource/define.ts';

export const csiDriver = defineResource('storage.k8s.io/v1', 'CSIDriver', {
  plural: 'csidrivers',
  scope: 'cluster',
});
