import { duplicate, type FieldError, FieldPath, required } from '#machinery/field-error.ts';
import { eachItem } from '#machinery/validation/basics.ts';

/** Conditions of this group: each type given, and given once. */
export function validateConditionTypes(conditions: readonly { readonly type?: string }[] | undefined): FieldError[] {
  const types = new Set<string | undefined>();
  return eachItem(conditions, FieldPath.of('status', 'conditions'), ({ type }, path) => {
    const errors = types.has(type) ? [duplicate(path.at('type'), type)] : [];
    types.add(type);
    return type ? errors : [...errors, required(path.at('type'), 'must not be empty')];
  });
}
