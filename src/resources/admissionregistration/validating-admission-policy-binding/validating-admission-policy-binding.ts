import { defineResource } from '#machinery/resource/define.ts';

export const validatingAdmissionPolicyBinding = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding',
  {
    plural: 'validatingadmissionpolicybindings',
    scope: 'cluster',
    categories: ['api-extensions'],
  },
);
