import { defineResource } from '#machinery/resource/define.ts';

export const resourcePoolStatusRequest = defineResource('resource.k8s.io/v1alpha3', 'ResourcePoolStatusRequest', {
  plural: 'resourcepoolstatusrequests',
  scope: 'cluster',
  subresources: { status: true },
});
