import { defineResource } from '#machinery/resource/define.ts';

export const csiNode = defineResource('storage.k8s.io/v1', 'CSINode', {
  plural: 'csinodes',
  scope: 'cluster',
});
