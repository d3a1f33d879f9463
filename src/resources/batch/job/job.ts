import { defineResource } from '#machinery/resource/define.ts';

export const job = defineResource('batch/v1', 'Job', {
  plural: 'jobs',
  scope: 'namespaced',
  categories: ['all'],
  subresources: { status: true },
});
