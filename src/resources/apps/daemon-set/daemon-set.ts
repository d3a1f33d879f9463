import { defineResource } from '#machinery/resource/define.ts';

export const daemonSet = defineResource('apps/v1', 'DaemonSet', {
  plural: 'daemonsets',
  scope: 'namespaced',
  shortNames: ['ds'],
  categories: ['all'],
  subresources: { status: true },
});
