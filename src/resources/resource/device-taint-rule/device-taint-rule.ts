import { defineResource } from '#machinery/resource/define.ts';

export const deviceTaintRule = defineResource('resource.k8s.io/v1beta2', 'DeviceTaintRule', {
  plural: 'devicetaintrules',
  scope: 'cluster',
  subresources: { status: true },
  otherVersions: { v1alpha3: {} },
});
