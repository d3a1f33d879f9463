import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { formatTime } from '#machinery/time.ts';
import type { APIService } from '#machinery/types/apiregistration-v1.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { validateApiService, validateApiServiceStatus } from './validation.ts';

/** Which server answers for a version of a group. Source: apiregistration.k8s.io/v1 API. */
export const apiService = defineResource('apiregistration.k8s.io/v1', 'APIService', {
  plural: 'apiservices',
  scope: 'cluster',
  categories: ['api-extensions'],
  storagePath: 'apiregistration.k8s.io/apiservices',
  unconditionalUpdate: false,
  validateName: isPathSegment,
  allColumns: [
    nameColumn,
    column('Service', ({ spec }) =>
      spec.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local',
    ),
    column('Available', availableCell),
    ageColumn,
  ],
  subresources: { status: { validateUpdate: validateApiServiceStatus } },

  defaults({ spec }) {
    if (spec?.service) spec.service.port ??= 443;
  },
  /** What this server itself serves is there from the beginning. */
  prepareForCreate(draft, { now }) {
    draft.status = {};
    if (draft.spec?.service) return;
    draft.status.conditions = [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: formatTime(now),
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ];
  },
  validate: validateApiService,
});

function availableCell({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
