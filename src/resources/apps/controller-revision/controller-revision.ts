import { defineResource } from '#machinery/resource/define.ts';

export const controllerRevision = defineResource('apps/v1', 'ControllerRevision', {
  plural: 'controllerrevisions',
  scope: 'namespaced',
});
