import { defineResource } from '#machinery/resource/define.ts';

export const persistentVolume = defineResource('v1', 'PersistentVolume', {
  plural: 'persistentvolumes',
  scope: 'cluster',
  shortNames: ['pv'],
  subresources: { status: true },
});
