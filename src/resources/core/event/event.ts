import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { eventColumns } from './columns.ts';
import { toCoreEvent } from './convert.ts';
import { validateLegacyEvent } from './validation.ts';

export const EVENT_TTL_MS = 60 * 60 * 1000;

/** What happened to an object. Also served as events.k8s.io. Source: core/v1 API. */
export const event = defineResource('v1', 'Event', {
  plural: 'events',
  scope: 'namespaced',
  shortNames: ['ev'],
  ttlMs: EVENT_TTL_MS,
  createOnUpdate: true,
  validateName: isPathSegment,
  convert: (objects) => objects.map(toCoreEvent),

  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },

  allColumns: eventColumns,
  validate: (object) => validateLegacyEvent(object, 'reportingComponent'),
});
