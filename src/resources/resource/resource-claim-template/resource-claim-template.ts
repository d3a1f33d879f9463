import { defineResource } from '#machinery/resource/define.ts';

export const resourceClaimTemplate = defineResource('resource.k8s.io/v1', 'ResourceClaimTemplate', {
  plural: 'resourceclaimtemplates',
  returnsDeleted: true,
  scope: 'namespaced',
  otherVersions: { v1beta1: {}, v1beta2: {} },
});
