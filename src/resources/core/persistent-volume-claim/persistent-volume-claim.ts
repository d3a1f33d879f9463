import { defineResource } from '#machinery/resource/define.ts';

export const persistentVolumeClaim = defineResource('v1', 'PersistentVolumeClaim', {
  plural: 'persistentvolumeclaims',
  scope: 'namespaced',
  shortNames: ['pvc'],
  subresources: { status: true },
});
