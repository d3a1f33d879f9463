import { defineResource } from '#machinery/resource/define.ts';

export const replicaSet = defineResource('apps/v1', 'ReplicaSet', {
  plural: 'replicasets',
  scope: 'namespaced',
  shortNames: ['rs'],
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
