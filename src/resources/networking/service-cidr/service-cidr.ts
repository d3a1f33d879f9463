import { defineResource } from '#machinery/resource/define.ts';

export const serviceCIDR = defineResource('networking.k8s.io/v1', 'ServiceCIDR', {
  plural: 'servicecidrs',
  scope: 'cluster',
  subresources: { status: true },
  otherVersions: { v1beta1: {} },
});
