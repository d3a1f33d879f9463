import { defineResource } from '#machinery/resource/define.ts';

export const secret = defineResource('v1', 'Secret', {
  plural: 'secrets',
  scope: 'namespaced',
  encrypted: true,
});
