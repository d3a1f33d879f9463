import { defineResource } from '#machinery/resource/define.ts';

export const configMap = defineResource('v1', 'ConfigMap', {
  plural: 'configmaps',
  scope: 'namespaced',
  shortNames: ['cm'],
});
