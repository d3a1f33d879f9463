import { defineResource } from '#machinery/resource/define.ts';

export const node = defineResource('v1', 'Node', {
  plural: 'nodes',
  scope: 'cluster',
  shortNames: ['no'],
  storagePath: 'minions',
  subresources: { status: true },
});
