import { defineResource } from '#machinery/resource/define.ts';

export const validatingAdmissionPolicy = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy',
  {
    plural: 'validatingadmissionpolicies',
    scope: 'cluster',
    categories: ['api-extensions'],
    subresources: { status: true },
  },
);
