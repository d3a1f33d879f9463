import type { ListSchema, ScalarType, Schema, StructSchema } from '../schema/schema.ts';
import { isObject, itemElement, UnidentifiedItem } from './atom.ts';
import { showPath } from './path-element.ts';

/**
 * Checks that an applied object fits the schema: declared fields, kinds of values, keys of list items. Apply must
 * refuse what it does not understand, since it could not say who owns it. The texts are upstream's.
 */
export function checkTyped(value: unknown, schema: StructSchema): readonly string[] {
  const errors: string[] = [];
  checkValue(value, schema, '', errors);
  return errors;
}

/** Several errors as one text. */
export function showErrors(errors: readonly string[]): string {
  return errors.length === 1 ? (errors[0] ?? '') : ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

function checkValue(value: unknown, schema: Schema, path: string, errors: string[]): void {
  if (value === null) return;
  switch (schema.kind) {
    case 'scalar':
      return checkScalar(value, schema.type, path, errors);
    case 'list':
      return checkList(value, schema, path, errors);
    default:
      if (!isObject(value)) {
        errors.push(`${path}: expected map, got ${show(value)}`);
        return;
      }
      for (const name of Object.keys(value)) {
        const below = `${path}.${name}`;
        const member = schema.kind === 'map' ? schema.values : schema.fields.get(name)?.schema;
        if (member) checkValue(value[name], member, below, errors);
        else if (schema.kind === 'struct' && !schema.preserveUnknown) {
          errors.push(`${below}: field not declared in schema`);
        }
      }
  }
}

function checkList(value: unknown, list: ListSchema, path: string, errors: string[]): void {
  if (!Array.isArray(value)) {
    errors.push(`${path}: expected list, got ${show(value)}`);
    return;
  }
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    let below = `${path}[${index}]`;
    if (list.listType !== 'atomic') {
      try {
        const element = itemElement(list, item);
        below = `${path}${showPath([element])}`;
        if (seen.has(element)) errors.push(`${path}: duplicate entries for key ${showPath([element])}`);
        seen.add(element);
      } catch (error) {
        if (!(error instanceof UnidentifiedItem)) throw error;
        errors.push(`${path}: element ${index}: ${error.message}`);
        continue;
      }
    }
    checkValue(item, list.items, below, errors);
  }
}

function checkScalar(value: unknown, type: ScalarType, path: string, errors: string[]): void {
  const kind = typeof value;
  switch (type) {
    case 'boolean':
      if (kind !== 'boolean') errors.push(`${path}: expected boolean, got ${show(value)}`);
      return;
    case 'int32':
    case 'int64':
      if (kind !== 'bigint' && !Number.isInteger(value)) errors.push(`${path}: expected numeric, got ${show(value)}`);
      return;
    case 'double':
      if (kind !== 'number' && kind !== 'bigint') errors.push(`${path}: expected numeric, got ${show(value)}`);
      return;
    case 'intOrString':
    case 'quantity':
      if (kind === 'object' || kind === 'boolean') errors.push(`${path}: expected scalar, got ${show(value)}`);
      return;
    case 'any':
      return;
    case 'object':
    case 'rawExtension':
    case 'fieldsV1':
      if (!isObject(value)) errors.push(`${path}: expected map, got ${show(value)}`);
      return;
    default:
      if (kind !== 'string') errors.push(`${path}: expected string, got ${show(value)}`);
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part));
}
