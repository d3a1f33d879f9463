import { defineResource } from '#machinery/resource/define.ts';

export const runtimeClass = defineResource('node.k8s.io/v1', 'RuntimeClass', {
  plural: 'runtimeclasses',
  createOnUpdate: true,
  scope: 'cluster',
});
