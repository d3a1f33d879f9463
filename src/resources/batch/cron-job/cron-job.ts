import { defineResource } from '#machinery/resource/define.ts';

export const cronJob = defineResource('batch/v1', 'CronJob', {
  plural: 'cronjobs',
  scope: 'namespaced',
  shortNames: ['cj'],
  categories: ['all'],
  subresources: { status: true },
});
