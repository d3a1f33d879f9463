import { defineResource } from '#machinery/resource/define.ts';

export const podTemplate = defineResource('v1', 'PodTemplate', {
  plural: 'podtemplates',
  scope: 'namespaced',
});
