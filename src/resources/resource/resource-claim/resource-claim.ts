import { defineResource } from '#machinery/resource/define.ts';

export const resourceClaim = defineResource('resource.k8s.io/v1', 'ResourceClaim', {
  plural: 'resourceclaims',
  returnsDeleted: true,
  scope: 'namespaced',
  subresources: { status: true },
  otherVersions: { v1beta1: {}, v1beta2: {} },
});
