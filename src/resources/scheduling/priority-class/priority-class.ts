import { defineResource } from '#machinery/resource/define.ts';

export const priorityClass = defineResource('scheduling.k8s.io/v1', 'PriorityClass', {
  plural: 'priorityclasses',
  scope: 'cluster',
  shortNames: ['pc'],
});
