import { defineResource } from '#machinery/resource/define.ts';

export const statefulSet = defineResource('apps/v1', 'StatefulSet', {
  plural: 'statefulsets',
  scope: 'namespaced',
  shortNames: ['sts'],
  categories: ['all'],
  subresources: {
    status: true,
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },
});
