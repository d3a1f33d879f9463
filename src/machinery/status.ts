import type { FieldError } from './field-error.ts';
import type { Status, StatusCause } from './types/meta-v1.ts';

export type StatusReason =
  | 'Unknown'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'StoreReadError'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable';

/** A group and a plural resource name, as messages show them: `deployments.apps`, `pods`. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

export function showGroupResource({ group, resource }: GroupResource): string {
  return group ? `${resource}.${group}` : resource;
}

/** A result of the API that is an error: exactly the Status that a client sees. Source: meta/v1 Status. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'unknown error');
    this.name = 'StatusError';
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): StatusReason {
    return (this.status.reason || 'Unknown') as StatusReason;
  }
}

export function isStatus(error: unknown, reason: StatusReason): error is StatusError {
  return error instanceof StatusError && error.reason === reason;
}

/** A Status with `status: Failure`. */
export function failure(
  code: number,
  reason: StatusReason | '',
  message: string,
  details?: Status['details'],
): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason ? { reason } : {}),
    ...(details ? { details } : {}),
    code,
  });
}

function named({ group, resource }: GroupResource, name: string): NonNullable<Status['details']> {
  return { ...(name ? { name } : {}), ...(group ? { group } : {}), ...(resource ? { kind: resource } : {}) };
}

export function notFoundError(resource: GroupResource, name: string): StatusError {
  return failure(404, 'NotFound', `${showGroupResource(resource)} "${name}" not found`, named(resource, name));
}

/** 404 for a path that no handler serves. */
export function pathNotFoundError(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExistsError(resource: GroupResource, name: string): StatusError {
  return failure(
    409,
    'AlreadyExists',
    `${showGroupResource(resource)} "${name}" already exists`,
    named(resource, name),
  );
}

/** After the tries of generateName are used up. */
export function generateNameConflictError(resource: GroupResource, name: string): StatusError {
  return failure(
    409,
    'AlreadyExists',
    `${showGroupResource(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...named(resource, name), retryAfterSeconds: 1 },
  );
}

export function conflictError(resource: GroupResource, name: string, cause: string): StatusError {
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${showGroupResource(resource)} "${name}": ${cause}`,
    named(resource, name),
  );
}

/** A stale resourceVersion. */
export function modifiedConflictError(resource: GroupResource, name: string): StatusError {
  return conflictError(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** Errors that one answer names. A request of 3 MiB can hold 100,000 of them, and each is longer than what is wrong. */
const MAX_CAUSES = 1_000;

/** `kind` and its group (not the resource): 422 with a cause for each field error, up to `MAX_CAUSES`. */
export function invalidError(group: string, kind: string, name: string, all: readonly FieldError[]): StatusError {
  const errors = all.length > MAX_CAUSES ? all.slice(0, MAX_CAUSES) : all;
  const causes: StatusCause[] = errors.map((error) => ({
    reason: error.type,
    message: error.message,
    field: error.field,
  }));
  const shown = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const list = shown.length === 1 ? shown[0] : `[${shown.join(', ')}]`;
  const title = group ? `${kind}.${group}` : kind;
  const message = errors.length > 0 ? `${title} "${name}" is invalid: ${list}` : `${title} "${name}" is invalid`;
  return failure(422, 'Invalid', message, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    ...(kind ? { kind } : {}),
    ...(causes.length > 0 ? { causes } : {}),
  });
}

export function badRequestError(message: string): StatusError {
  return failure(400, 'BadRequest', message);
}

export function forbiddenError(resource: GroupResource, name: string, why: string): StatusError {
  const shown = showGroupResource(resource);
  const message = !shown
    ? `forbidden: ${why}`
    : name
      ? `${shown} "${name}" is forbidden: ${why}`
      : `${shown} is forbidden: ${why}`;
  return failure(403, 'Forbidden', message, named(resource, name));
}

export function unauthorizedError(message = 'Unauthorized'): StatusError {
  return failure(401, 'Unauthorized', message);
}

export function methodNotSupportedError(resource: GroupResource, action: string): StatusError {
  return failure(
    405,
    'MethodNotAllowed',
    `${action} is not supported on resources of kind "${showGroupResource(resource)}"`,
    named(resource, ''),
  );
}

/** A resourceVersion or continue token older than what is kept. */
export function expiredError(message: string): StatusError {
  return failure(410, 'Expired', message);
}

export function goneError(message: string): StatusError {
  return failure(410, 'Gone', message);
}

export function tooManyRequestsError(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds });
}

/**
 * The server could not answer in time; the client may try again after `retryAfterSeconds`.
 *
 * @public the vocabulary of API errors is kept whole
 */
export function serverTimeoutError(resource: GroupResource, action: string, retryAfterSeconds: number): StatusError {
  return failure(
    500,
    'ServerTimeout',
    `The ${action} operation against ${showGroupResource(resource)} could not be completed at this time, please try again.`,
    { ...named(resource, ''), ...(retryAfterSeconds ? { retryAfterSeconds } : {}), name: action },
  );
}

export function timeoutError(message: string, retryAfterSeconds = 0): StatusError {
  return failure(504, 'Timeout', `Timeout: ${message}`, retryAfterSeconds ? { retryAfterSeconds } : {});
}

export function notAcceptableError(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function unsupportedMediaTypeError(supported: readonly string[]): StatusError {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  );
}

export function entityTooLargeError(message: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', message);
}

export function serviceUnavailableError(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message);
}

/** A bug or a failing part of ours: shown as `Internal error occurred: ...`. */
export function internalError(message: string): StatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}
