import { defineResource } from '#machinery/resource/define.ts';

export const namespace = defineResource('v1', 'Namespace', {
  plural: 'namespaces',
  scope: 'cluster',
  shortNames: ['ns'],
  subresources: { status: true },
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
});
