import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { ResourceQuota } from '#machinery/types/core-v1.ts';
import { roundQuantities } from '../pod/defaults.ts';
import { validateQuotaStatus, validateResourceQuota, validateResourceQuotaUpdate } from './validation.ts';

/** How much of everything a namespace may hold together. Source: core/v1 API. */
export const resourceQuota = defineResource('v1', 'ResourceQuota', {
  plural: 'resourcequotas',
  scope: 'namespaced',
  shortNames: ['quota'],
  returnsDeleted: true,
  allColumns: [
    nameColumn,
    column('Request', (quota) => usageCell(quota, false)),
    column('Limit', (quota) => usageCell(quota, true)),
    ageColumn,
  ],

  defaults({ spec, status }) {
    roundQuantities(spec?.hard);
    roundQuantities(status?.hard);
    roundQuantities(status?.used);
  },
  prepareForCreate(draft) {
    draft.status = {};
  },
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,

  subresources: { status: { validateUpdate: validateQuotaStatus } },
});

function usageCell({ status }: ResourceQuota, limits: boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith('limits.') === limits)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}
