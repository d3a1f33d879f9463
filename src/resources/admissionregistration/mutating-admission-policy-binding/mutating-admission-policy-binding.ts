import { defineResource } from '#machinery/resource/define.ts';

export const mutatingAdmissionPolicyBinding = defineResource(
  'admissionregistration.k8s.io/v1',
  'MutatingAdmissionPolicyBinding',
  {
    plural: 'mutatingadmissionpolicybindings',
    scope: 'cluster',
    categories: ['api-extensions'],
    otherVersions: { v1beta1: {}, v1alpha1: {} },
  },
);
