import { defineResource } from '#machinery/resource/define.ts';

export const validatingWebhookConfiguration = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingWebhookConfiguration',
  {
    plural: 'validatingwebhookconfigurations',
    scope: 'cluster',
    categories: ['api-extensions'],
  },
);
