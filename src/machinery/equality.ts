import { isQuantity, parseQuantity } from './quantity.ts';
import type { Schema } from './schema/schema.ts';

/**
 * Equality of API data: an absent member, `null` and an empty list are one and the same, the order of members does not
 * count, the order of lists does, and `1` equals `1n`. `{}` differs from absence, as a pointer to an empty struct does
 * (`emptyDir: {}`); decoded objects hold no empty maps. Source: apimachinery, equality.Semantic.
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (typeof a !== 'object' || typeof b !== 'object') return equalNumbers(a, b);
  if (a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  return Array.isArray(a) ? equalLists(a, b as readonly unknown[]) : equalObjects(a, b);
}

/** As semanticEqual, and quantities are equal where their values are: `1` and `1000m`. */
export function semanticEqualBySchema(a: unknown, b: unknown, schema: Schema): boolean {
  if (a === b) return true;
  if (schema.kind === 'scalar') {
    return schema.type === 'quantity' ? equalQuantities(a, b) : semanticEqual(a, b);
  }
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (schema.kind === 'list') {
    if (!Array.isArray(a) || !Array.isArray(b)) return false;
    return a.length === b.length && a.every((item, at) => semanticEqualBySchema(item, b[at], schema.items));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const schemaOf = (key: string): Schema | undefined =>
    schema.kind === 'map' ? schema.values : schema.fields.get(key)?.schema;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const member = schemaOf(key);
    const [left, right] = [own(a, key), own(b, key)];
    if (schema.kind === 'map' && Object.hasOwn(a, key) !== Object.hasOwn(b, key)) return false;
    if (!(member ? semanticEqualBySchema(left, right, member) : semanticEqual(left, right))) return false;
  }
  return true;
}

function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, at) => semanticEqual(item, b[at]));
}

function equalObjects(a: object, b: object): boolean {
  for (const key of Object.keys(a)) if (!semanticEqual(own(a, key), own(b, key))) return false;
  for (const key of Object.keys(b)) if (!Object.hasOwn(a, key) && !isEmpty(own(b, key))) return false;
  return true;
}

function equalNumbers(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && Number.isNaN(a)) return typeof b === 'number' && Number.isNaN(b);
  const mixed = (typeof a === 'bigint' && typeof b === 'number') || (typeof a === 'number' && typeof b === 'bigint');
  // The loose form compares a number and a bigint by value.
  return mixed && (a as number) == (b as number);
}

function equalQuantities(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return isEmpty(a) && isEmpty(b);
  if (!isQuantity(a) || !isQuantity(b)) return false;
  return parseQuantity(a).nanos === parseQuantity(b).nanos;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.length === 0;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}
