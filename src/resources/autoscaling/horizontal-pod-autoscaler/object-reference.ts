import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { CrossVersionObjectReference } from '#machinery/types/autoscaling-v2.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

/** What is scaled or measured, by kind and name. */
export function validateObjectReference(
  { kind, name, apiVersion }: Partial<CrossVersionObjectReference>,
  path: FieldPath,
): FieldError[] {
  const segment = (value: string | undefined, at: FieldPath) =>
    value ? invalidFor(isPathSegment(value, false), value, at) : [required(at)];
  const parts = (apiVersion ?? '').split('/');
  const errors = [...segment(kind, path.at('kind')), ...segment(name, path.at('name'))];
  if (parts.length > 2) {
    errors.push(invalid(path.at('apiVersion'), apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  }
  return errors;
}
