import { defineResource } from '#machinery/resource/define.ts';

export const mutatingAdmissionPolicy = defineResource('admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicy', {
  plural: 'mutatingadmissionpolicies',
  scope: 'cluster',
  categories: ['api-extensions'],
  otherVersions: { v1beta1: {}, v1alpha1: {} },
});
