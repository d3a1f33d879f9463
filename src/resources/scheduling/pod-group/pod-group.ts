import { defineResource } from '#machinery/resource/define.ts';

export const podGroup = defineResource('scheduling.k8s.io/v1alpha2', 'PodGroup', {
  plural: 'podgroups',
  scope: 'namespaced',
  subresources: { status: true },
});
