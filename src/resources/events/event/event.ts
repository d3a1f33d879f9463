import type { KubeObject } from '#machinery/object.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { eventColumns } from '../../core/event/columns.ts';
import { toCoreEvent, toEventsEvent } from '../../core/event/convert.ts';
import { EVENT_TTL_MS } from '../../core/event/event.ts';
import { validateNewEvent, validateNewEventUpdate } from '../../core/event/validation.ts';

/** The same objects as core Events with newer names. Strategies see them as they are stored, in core form. */
export const event = defineResource('events.k8s.io/v1', 'Event', {
  plural: 'events',
  scope: 'namespaced',
  shortNames: ['ev'],
  sharesStorageWith: 'events',
  ttlMs: EVENT_TTL_MS,
  createOnUpdate: true,
  convert: (objects: readonly KubeObject[]) => objects.map(toEventsEvent),

  selectableFields: {
    'regarding.kind': ({ regarding }) => regarding.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding.name ?? '',
    'regarding.uid': ({ regarding }) => regarding.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },

  allColumns: eventColumns,
  validate: (object) => validateNewEvent(toCoreEvent(object)),
  validateUpdate: (object, old) => validateNewEventUpdate(toCoreEvent(object), toCoreEvent(old)),
});
