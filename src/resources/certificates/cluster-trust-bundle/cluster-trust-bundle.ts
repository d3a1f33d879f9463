import { defineResource } from '#machinery/resource/define.ts';

export const clusterTrustBundle = defineResource('certificates.k8s.io/v1beta1', 'ClusterTrustBundle', {
  plural: 'clustertrustbundles',
  scope: 'cluster',
  otherVersions: { v1alpha1: {} },
});
