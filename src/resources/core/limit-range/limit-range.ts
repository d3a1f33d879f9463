import { defineResource } from '#machinery/resource/define.ts';

export const limitRange = defineResource('v1', 'LimitRange', {
  plural: 'limitranges',
  scope: 'namespaced',
  shortNames: ['limits'],
  createOnUpdate: true,
});
