import { defineResource } from '#machinery/resource/define.ts';

export const event = defineResource('events.k8s.io/v1', 'Event', {
  plural: 'events',
  scope: 'namespaced',
  shortNames: ['ev'],
  sharesStorageWith: 'events',
  ttlMs: 60 * 60 * 1000,
  createOnUpdate: true,
});
