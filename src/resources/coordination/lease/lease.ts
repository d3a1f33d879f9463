import { defineResource } from '#machinery/resource/define.ts';

export const lease = defineResource('coordination.k8s.io/v1', 'Lease', {
  plural: 'leases',
  scope: 'namespaced',
  storagePath: 'leases',
  createOnUpdate: true,
});
