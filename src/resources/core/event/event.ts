import { defineResource } from '#machinery/resource/define.ts';

export const event = defineResource('v1', 'Event', {
  plural: 'events',
  scope: 'namespaced',
  shortNames: ['ev'],
  ttlMs: 60 * 60 * 1000,
  createOnUpdate: true,
});
