import { defineResource } from '#machinery/resource/define.ts';

export const podCertificateRequest = defineResource('certificates.k8s.io/v1beta1', 'PodCertificateRequest', {
  plural: 'podcertificaterequests',
  scope: 'namespaced',
  subresources: { status: true },
});
