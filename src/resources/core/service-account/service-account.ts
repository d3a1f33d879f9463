import { defineResource } from '#machinery/resource/define.ts';

export const serviceAccount = defineResource('v1', 'ServiceAccount', {
  plural: 'serviceaccounts',
  scope: 'namespaced',
  shortNames: ['sa'],
});
