import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { defaultWebhook, validateWebhooks } from '../webhooks.ts';

/** Webhooks that may refuse what is written. Source: admissionregistration.k8s.io/v1 API. */
export const validatingWebhookConfiguration = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingWebhookConfiguration',
  {
    plural: 'validatingwebhookconfigurations',
    scope: 'cluster',
    categories: ['api-extensions'],
    hasGeneration: true,
    unconditionalUpdate: false,
    allColumns: [
      nameColumn,
      column('Webhooks', ({ webhooks }) => (webhooks ?? []).length, { type: 'integer' }),
      ageColumn,
    ],

    defaults({ webhooks }) {
      for (const webhook of webhooks ?? []) defaultWebhook(webhook);
    },
    validate: ({ webhooks }) => validateWebhooks(webhooks),
  },
);
