import { defineResource } from '#machinery/resource/define.ts';

export const volumeAttributesClass = defineResource('storage.k8s.io/v1', 'VolumeAttributesClass', {
  plural: 'volumeattributesclasses',
  scope: 'cluster',
  shortNames: ['vac'],
  otherVersions: { v1beta1: {} },
});
