import { defineResource } from '#machinery/resource/define.ts';

export const leaseCandidate = defineResource('coordination.k8s.io/v1beta1', 'LeaseCandidate', {
  plural: 'leasecandidates',
  scope: 'namespaced',
  otherVersions: { v1alpha2: {} },
});
