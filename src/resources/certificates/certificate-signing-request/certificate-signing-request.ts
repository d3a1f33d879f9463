import { defineResource } from '#machinery/resource/define.ts';

export const certificateSigningRequest = defineResource('certificates.k8s.io/v1', 'CertificateSigningRequest', {
  plural: 'certificatesigningrequests',
  scope: 'cluster',
  shortNames: ['csr'],
  subresources: { status: true },
});
