import { defineResource } from '#machinery/resource/define.ts';

export const podDisruptionBudget = defineResource('policy/v1', 'PodDisruptionBudget', {
  plural: 'poddisruptionbudgets',
  scope: 'namespaced',
  shortNames: ['pdb'],
  subresources: { status: true },
});
