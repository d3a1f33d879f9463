import { defineResource } from '#machinery/resource/define.ts';

export const workload = defineResource('scheduling.k8s.io/v1alpha2', 'Workload', {
  plural: 'workloads',
  scope: 'namespaced',
});
