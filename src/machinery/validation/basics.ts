import { type FieldError, type FieldPath, invalid, notSupported, required } from '../field-error.ts';
import type { Int64 } from '../int64.ts';

/** Small checks that every kind uses, with upstream's messages. */

/** One Invalid error for each message of a name check. */
export function invalidFor(messages: readonly string[], value: unknown, path: FieldPath): FieldError[] {
  return messages.map((message) => invalid(path, value, message));
}

export function nonNegative(value: Int64 | null | undefined, path: FieldPath): FieldError[] {
  if (value === undefined || value === null || value >= 0) return [];
  return [invalid(path, value, 'must be greater than or equal to 0')];
}

export function inRange(value: Int64, min: number, max: number, path: FieldPath): FieldError[] {
  if (value >= min && value <= max) return [];
  return [invalid(path, value, `must be between ${min} and ${max}, inclusive`)];
}

export const MAX_PORT = 65_535;

export function portNumber(value: number, path: FieldPath): FieldError[] {
  return inRange(value, 1, MAX_PORT, path);
}

export function nonEmpty(value: string | null | undefined, path: FieldPath, detail = ''): FieldError[] {
  return value ? [] : [required(path, detail)];
}

/** A value of a closed set; an absent or empty one is good. */
export function optionalOneOf(
  value: string | null | undefined,
  supported: readonly string[],
  path: FieldPath,
): FieldError[] {
  return !value || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** A value of a closed set that must be given: Required where it is absent. */
export function oneOf(value: string | null | undefined, supported: readonly string[], path: FieldPath): FieldError[] {
  return value ? optionalOneOf(value, supported, path) : [required(path)];
}

/** The errors of every item of a list, each checked at its own path. */
export function eachItem<T>(
  items: readonly T[] | null | undefined,
  path: FieldPath,
  check: (item: T, path: FieldPath, index: number) => readonly FieldError[],
): FieldError[] {
  return (items ?? []).flatMap((item, index) => check(item, path.index(index), index));
}
