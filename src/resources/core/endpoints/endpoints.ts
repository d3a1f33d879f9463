import { defineResource } from '#machinery/resource/define.ts';

export const endpoints = defineResource('v1', 'Endpoints', {
  plural: 'endpoints',
  scope: 'namespaced',
  shortNames: ['ep'],
  storagePath: 'services/endpoints',
  createOnUpdate: true,
});
