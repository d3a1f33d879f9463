import { defineResource } from '#machinery/resource/define.ts';

export const resourceSlice = defineResource('resource.k8s.io/v1', 'ResourceSlice', {
  plural: 'resourceslices',
  returnsDeleted: true,
  scope: 'cluster',
  otherVersions: { v1beta1: {}, v1beta2: {} },
});
