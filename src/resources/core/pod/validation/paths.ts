import { type FieldError, type FieldPath, invalid } from '#machinery/field-error.ts';

function isAbsolute(path: string): boolean {
  return path.startsWith('/');
}

/** A path inside something: not absolute, no step up. */
export function validateLocalPath(target: string, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (isAbsolute(target)) errors.push(invalid(path, target, 'must be a relative path'));
  return [...errors, ...validateNoBacksteps(target, path)];
}

export function validateNoBacksteps(target: string, path: FieldPath): FieldError[] {
  const steps = target.split('/');
  return steps.includes('..') ? [invalid(path, target, "must not contain '..'")] : [];
}

/** A path that is made inside a volume: also not a name that starts with two dots, which the kubelet uses itself. */
export function validateNonReservedPath(target: string, path: FieldPath): FieldError[] {
  const errors = validateLocalPath(target, path);
  if (target.startsWith('..') && !target.startsWith('../')) {
    errors.push(invalid(path, target, "must not start with '..'"));
  }
  return errors;
}
