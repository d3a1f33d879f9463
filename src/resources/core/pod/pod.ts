import { defineResource } from '#machinery/resource/define.ts';

export const pod = defineResource('v1', 'Pod', {
  plural: 'pods',
  scope: 'namespaced',
  shortNames: ['po'],
  categories: ['all'],
  subresources: { status: true },
});
