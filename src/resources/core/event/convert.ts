import type { Draft, KubeObject } from '#machinery/object.ts';
import type { Event } from '#machinery/types/core-v1.ts';
import type { Event as EventsEvent } from '#machinery/types/events-v1.ts';

/** One event in two groups: fields that are only named otherwise. Source: events.k8s.io/v1 API. */
const NAMES: readonly (readonly [keyof Event, keyof EventsEvent])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

const CORE = 'v1';
const EVENTS = 'events.k8s.io/v1';

function renamed(object: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject {
  const result: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) result[names.get(field) ?? field] = value;
  return { ...result, apiVersion, kind: 'Event', metadata: object.metadata };
}

const TO_CORE = new Map<string, string>(NAMES.map(([core, events]) => [events, core]));
const TO_EVENTS = new Map<string, string>(NAMES);

/** The event as core/v1 has it, whichever of the two it was. */
export function toCoreEvent(event: KubeObject): Event {
  if (event.apiVersion === CORE) return event as Event;
  const core = renamed(event, CORE, TO_CORE) as Draft<Event>;
  core.source ??= {};
  core.reportingComponent ??= '';
  core.reportingInstance ??= '';
  return core;
}

/** The event as events.k8s.io/v1 has it, whichever of the two it was. */
export function toEventsEvent(event: KubeObject): EventsEvent {
  if (event.apiVersion === EVENTS) return event as EventsEvent;
  const converted = renamed(event, EVENTS, TO_EVENTS) as Draft<EventsEvent>;
  converted.deprecatedSource ??= {};
  if (!converted.reportingController) delete converted.reportingController;
  if (!converted.reportingInstance) delete converted.reportingInstance;
  return converted;
}
