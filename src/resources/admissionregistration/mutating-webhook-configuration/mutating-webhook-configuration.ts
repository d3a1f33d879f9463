import { defineResource } from '#machinery/resource/define.ts';

export const mutatingWebhookConfiguration = defineResource(
  'admissionregistration.k8s.io/v1',
  'MutatingWebhookConfiguration',
  {
    plural: 'mutatingwebhookconfigurations',
    scope: 'cluster',
    categories: ['api-extensions'],
  },
);
