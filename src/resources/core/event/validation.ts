import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { Event } from '#machinery/types/core-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';

const MAX_WORD = 128;
const MAX_MESSAGE = 1024;
const HOMES_OF_OLD_EVENTS = ['', 'default'];
const HOMES_OF_CLUSTER_EVENTS = ['default', 'kube-system'];

/** Rules of both groups. Events without an eventTime are of the older kind and little is asked of them. */
export function validateLegacyEvent(event: Event, controllerField: string): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const about = event.involvedObject?.namespace ?? '';
  const path = FieldPath.of('involvedObject', 'namespace');
  if (!event.eventTime) {
    const good = about ? about === namespace : HOMES_OF_OLD_EVENTS.includes(namespace);
    return good ? [] : [invalid(path, about, 'does not match event.namespace')];
  }
  const errors: FieldError[] = [];
  if (!about && !HOMES_OF_CLUSTER_EVENTS.includes(namespace)) {
    errors.push(invalid(path, about, 'does not match event.namespace'));
  }
  const controller = event.reportingComponent ?? '';
  if (!controller) errors.push(required(FieldPath.of(controllerField)));
  errors.push(...invalidFor(isQualifiedName(controller), controller, FieldPath.of(controllerField)));
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[field] ?? '';
    if (!value) errors.push(required(FieldPath.of(field)));
    if (value.length > MAX_WORD)
      errors.push(invalid(FieldPath.of(field), '', `can have at most ${MAX_WORD} characters`));
  }
  if ((event.message ?? '').length > MAX_MESSAGE) {
    errors.push(invalid(FieldPath.of('message'), '', `can have at most ${MAX_MESSAGE} characters`));
  }
  return errors;
}

/** events.k8s.io/v1 takes only events of the newer kind. */
export function validateNewEvent(event: Event): FieldError[] {
  const errors = [...validateLegacyEvent(event, 'reportingController'), ...validateSeries(event)];
  if (!event.eventTime) errors.push(required(FieldPath.of('eventTime')));
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalid(FieldPath.of('type'), '', `has invalid value: ${event.type ?? ''}`));
  }
  const unset: readonly (readonly [string, boolean])[] = [
    ['firstTimestamp', Boolean(event.firstTimestamp)],
    ['lastTimestamp', Boolean(event.lastTimestamp)],
    ['count', Boolean(event.count)],
    ['source', Boolean(event.source?.component || event.source?.host)],
  ];
  for (const [field, given] of unset) {
    if (given) errors.push(invalid(FieldPath.of(field), '', 'needs to be unset'));
  }
  return errors;
}

function validateSeries({ series }: Event): FieldError[] {
  if (!series) return [];
  const errors: FieldError[] = [];
  if ((series.count ?? 0) < 2) errors.push(invalid(FieldPath.of('series', 'count'), '', 'should be at least 2'));
  if (!series.lastObservedTime) errors.push(required(FieldPath.of('series', 'lastObservedTime')));
  return errors;
}

/** In upstream's order; it checks the reason twice. */
const FIXED = [
  'involvedObject',
  'reason',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

/** Names that upstream shows in place of the core ones. */
const SHOWN: Readonly<Record<string, string>> = { reportingComponent: 'reportingController' };

/** Of an event in events.k8s.io only its series moves on. */
export function validateNewEventUpdate(event: Event, old: Event): FieldError[] {
  const errors = [...validateLegacyEvent(event, 'reportingController'), ...validateSeries(event)];
  for (const field of FIXED) {
    if (semanticEqual(event[field] ?? null, old[field] ?? null)) continue;
    errors.push(invalid(FieldPath.of(SHOWN[field] ?? field), event[field] ?? null, 'field is immutable'));
  }
  return errors;
}
