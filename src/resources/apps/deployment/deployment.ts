import { defineResource } from '#machinery/resource/define.ts';

export const deployment = defineResource('apps/v1', 'Deployment', {
  plural: 'deployments',
  scope: 'namespaced',
  shortNames: ['deploy'],
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
