import { defineResource } from '#machinery/resource/define.ts';

export const csiStorageCapacity = defineResource('storage.k8s.io/v1', 'CSIStorageCapacity', {
  plural: 'csistoragecapacities',
  scope: 'namespaced',
});
