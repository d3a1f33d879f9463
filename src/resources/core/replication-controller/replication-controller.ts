import { defineResource } from '#machinery/resource/define.ts';

export const replicationController = defineResource('v1', 'ReplicationController', {
  plural: 'replicationcontrollers',
  scope: 'namespaced',
  shortNames: ['rc'],
  categories: ['all'],
  storagePath: 'controllers',
  subresources: {
    status: true,
    scale: {
      specReplicas: ['spec', 'replicas'],
      statusReplicas: ['status', 'replicas'],
      selector: ['spec', 'selector'],
    },
  },
});
