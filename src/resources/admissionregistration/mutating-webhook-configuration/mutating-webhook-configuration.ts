import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { defaultWebhook, validateWebhooks } from '../webhooks.ts';

/** Webhooks that may change what is written. Source: admissionregistration.k8s.io/v1 API. */
export const mutatingWebhookConfiguration = defineResource(
  'admissionregistration.k8s.io/v1',
  'MutatingWebhookConfiguration',
  {
    plural: 'mutatingwebhookconfigurations',
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
      for (const webhook of webhooks ?? []) {
        defaultWebhook(webhook);
        webhook.reinvocationPolicy ??= 'Never';
      }
    },
    validate: ({ webhooks }) => validateWebhooks(webhooks),
  },
);
