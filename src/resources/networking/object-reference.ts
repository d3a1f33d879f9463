import { type FieldError, type FieldPath, required } from '#machinery/field-error.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isDnsSubdomain, isPathSegment } from '#machinery/validation/names.ts';

interface Reference {
  readonly apiGroup?: string | null;
  readonly kind: string;
  readonly name: string;
}

/** An object of any kind, by group, kind and name. */
export function validateObjectReference({ apiGroup, kind, name }: Reference, path: FieldPath): FieldError[] {
  const group = path.at('apiGroup');
  return [
    ...(apiGroup === undefined || apiGroup === null
      ? []
      : invalidFor(isDnsSubdomain(apiGroup, false), apiGroup, group)),
    ...segment(kind, path.at('kind'), 'kind is required'),
    ...segment(name, path.at('name'), 'name is required'),
  ];
}

/** A name that can stand in a path of the API. */
export function segment(value: string | undefined, path: FieldPath, missing = ''): FieldError[] {
  return value ? invalidFor(isPathSegment(value, false), value, path) : [required(path, missing)];
}
