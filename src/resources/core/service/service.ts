import { defineResource } from '#machinery/resource/define.ts';

export const service = defineResource('v1', 'Service', {
  plural: 'services',
  scope: 'namespaced',
  shortNames: ['svc'],
  categories: ['all'],
  storagePath: 'services/specs',
  subresources: { status: true },
});
