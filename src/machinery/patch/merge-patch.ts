import { define, draftOf } from '../object.ts';
import { badRequestError } from '../status.ts';

/**
 * Applies a JSON merge patch (RFC 7396) and returns the result; `target` is not changed. Throws BadRequest where the
 * patch is no object. Unlike the RFC, nulls inside lists of the patch are dropped from the objects they are in, as the
 * real server does.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw badRequestError('Invalid JSON Patch');
  return merge(target, patch);
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return withoutNulls(patch);
  const result: Record<string, unknown> = {};
  if (isObject(target)) {
    for (const key of Object.keys(target)) {
      if (!Object.hasOwn(patch, key)) define(result, key, draftOf(target[key]));
      else if (patch[key] !== null) define(result, key, merge(target[key], patch[key]));
    }
  }
  for (const key of Object.keys(patch)) {
    if (patch[key] !== null && !Object.hasOwn(result, key)) define(result, key, merge(undefined, patch[key]));
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  return isObject(value) ? merge(undefined, value) : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
