import { defineResource } from '#machinery/resource/define.ts';

/** A kind of devices that claims name. Source: resource.k8s.io/v1 API, KEP-4381. */
export const deviceClass = defineResource('resource.k8s.io/v1', 'DeviceClass', {
  plural: 'deviceclasses',
  scope: 'cluster',
  hasGeneration: true,
  returnsDeleted: true,
  otherVersions: { v1beta1: {}, v1beta2: {} },
});
