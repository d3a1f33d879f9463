import { defineResource } from '#machinery/resource/define.ts';

export const resourceQuota = defineResource('v1', 'ResourceQuota', {
  plural: 'resourcequotas',
  returnsDeleted: true,
  scope: 'namespaced',
  shortNames: ['quota'],
  subresources: { status: true },
});
