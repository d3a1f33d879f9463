import { defineResource } from '#machinery/resource/define.ts';

const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';

/** Who a program in a pod is. Source: core/v1 API. */
export const serviceAccount = defineResource('v1', 'ServiceAccount', {
  plural: 'serviceaccounts',
  returnsDeleted: true,
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  shortNames: ['sa'],

  warnings: ({ metadata }, old) => {
    const value = metadata.annotations?.[ENFORCE];
    if (value === undefined || old?.metadata.annotations?.[ENFORCE] !== undefined) return [];
    return [
      `metadata.annotations[${ENFORCE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
    ];
  },
});
