import { defineResource } from '#machinery/resource/define.ts';

export const deviceClass = defineResource('resource.k8s.io/v1', 'DeviceClass', {
  plural: 'deviceclasses',
  returnsDeleted: true,
  scope: 'cluster',
  otherVersions: { v1beta1: {}, v1beta2: {} },
});
