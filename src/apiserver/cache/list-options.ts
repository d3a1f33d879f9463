import { FieldPath, type FieldError, forbidden, notSupported } from '#machinery/field-error.ts';
import { badRequestError, invalidError } from '#machinery/status.ts';

/** What a client says about the revision of a list or watch, as text. '' stands for absent. Source: meta/v1 ListOptions. */
export interface RevisionOptions {
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly continue: string;
  readonly sendInitialEvents: boolean | undefined;
}

const MATCH = FieldPath.of('resourceVersionMatch');
const SEND_INITIAL_EVENTS = FieldPath.of('sendInitialEvents');

/** Throws StatusError 422 for combinations that a list does not allow. */
export function checkListOptions(options: RevisionOptions): void {
  const { resourceVersion, resourceVersionMatch: match } = options;
  const errors: FieldError[] = [];
  if (match) {
    if (!resourceVersion)
      errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (options.continue) errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan')
      errors.push(notSupported(MATCH, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && resourceVersion === '0')
      errors.push(forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (options.sendInitialEvents !== undefined)
    errors.push(forbidden(SEND_INITIAL_EVENTS, 'sendInitialEvents is forbidden for list'));
  refuse(errors);
}

/** How a watch begins. */
export interface WatchStart {
  /** Send the state first. */
  readonly state: boolean;
  /** 0: none was asked for, or any will do. */
  readonly revision: number;
  /** The state must hold everything that was written before (no resourceVersion was given). */
  readonly consistent: boolean;
}

/**
 * Throws StatusError 422 for combinations that a watch does not allow, else says how it begins. A watch without a
 * revision to start from is one with initial events, as upstream defaults it.
 */
export function watchStart(options: RevisionOptions): WatchStart {
  const defaulted = withWatchDefaults(options);
  const { sendInitialEvents, resourceVersionMatch: match, resourceVersion } = defaulted;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbidden(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match) {
    if (sendInitialEvents === undefined)
      errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    if (match !== 'NotOlderThan') errors.push(notSupported(MATCH, match, ['NotOlderThan']));
    if (options.continue) errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  refuse(errors);
  return {
    state: sendInitialEvents === true,
    revision: parseRevision(resourceVersion),
    consistent: resourceVersion === '',
  };
}

function withWatchDefaults(options: RevisionOptions): RevisionOptions {
  const { sendInitialEvents, resourceVersionMatch, resourceVersion } = options;
  const anyRevision = resourceVersion === '' || resourceVersion === '0';
  if (sendInitialEvents !== undefined || resourceVersionMatch || !anyRevision) return options;
  return { ...options, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError('meta.k8s.io', 'ListOptions', '', errors);
}

/** A resourceVersion that a client sent; '' is 0. Throws StatusError 400. */
export function parseRevision(text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,16}$/.test(text)) {
    const shown = JSON.stringify(text);
    throw badRequestError(
      `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`,
    );
  }
  return Number(text);
}
