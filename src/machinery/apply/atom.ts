import type { ListSchema, Schema, StructSchema } from '../schema/schema.ts';
import { keyElement, type PathElement, valueElement } from './path-element.ts';

/**
 * How apply sees a value: a leaf that is owned as a whole (scalars, atomic lists and maps), an object whose members are
 * owned one by one, or a list whose items are.
 */
export type Atom = LeafAtom | ObjectAtom | ListAtom;

export interface LeafAtom {
  readonly kind: 'leaf';
}

export interface ObjectAtom {
  readonly kind: 'object';
  /** The declared fields; absent for a map. */
  readonly struct?: StructSchema;
  /** Schema of members that are not declared. */
  readonly values: Schema | undefined;
}

export interface ListAtom {
  readonly kind: 'list';
  readonly list: ListSchema;
}

const LEAF: LeafAtom = { kind: 'leaf' };
const DEDUCED: ObjectAtom = { kind: 'object', values: undefined };

/** `schema` undefined: nothing is declared, so that the value tells: objects are granular, all else is a leaf. */
export function atomOf(schema: Schema | undefined, value: unknown): Atom {
  if (!schema) return isObject(value) ? DEDUCED : LEAF;
  switch (schema.kind) {
    case 'struct':
      return schema.mapType === 'atomic' ? LEAF : { kind: 'object', struct: schema, values: undefined };
    case 'map':
      return schema.mapType === 'atomic' ? LEAF : { kind: 'object', values: schema.values };
    case 'list':
      return schema.listType === 'atomic' ? LEAF : { kind: 'list', list: schema };
    default:
      return isFreeForm(schema.type) && isObject(value) ? DEDUCED : LEAF;
  }
}

function isFreeForm(type: string): boolean {
  return type === 'object' || type === 'fieldsV1';
}

export function memberSchema(atom: ObjectAtom, name: string): Schema | undefined {
  return atom.struct?.fields.get(name)?.schema ?? atom.values;
}

/** Defaults of key fields that the zero value of the field does not tell. Source: `+default` in the core/v1 API. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = {
  'ContainerPort.protocol': 'TCP',
  'ServicePort.protocol': 'TCP',
  'LocalObjectReference.name': '',
};

/** An item of a list by keys or of a set that nothing tells from the others. */
export class UnidentifiedItem extends Error {}

/** The step that leads to an item of a granular list. Throws `UnidentifiedItem`. */
export function itemElement(list: ListSchema, item: unknown): PathElement {
  if (list.listType === 'map') return keyElement(keysOf(list, item));
  if (item === null || item === undefined) {
    throw new UnidentifiedItem("associative list without keys has an element that's an explicit null");
  }
  if (Array.isArray(item)) throw new UnidentifiedItem('not supported: associative list with lists as elements');
  if (typeof item === 'object')
    throw new UnidentifiedItem("associative list without keys has an element that's a map type");
  return valueElement(item);
}

function keysOf(list: ListSchema, item: unknown): Readonly<Record<string, unknown>> {
  if (item === null) throw new UnidentifiedItem('associative list with keys may not have a null element');
  if (!isObject(item)) throw new UnidentifiedItem('associative list with keys may not have non-map elements');
  const keys: Record<string, unknown> = {};
  for (const name of list.mapKeys) {
    const value = Object.hasOwn(item, name)
      ? item[name]
      : list.items.kind === 'struct'
        ? schemaDefault(list.items, name)
        : undefined;
    if (value !== undefined) keys[name] = value;
  }
  if (Object.keys(keys).length > 0) return keys;
  const names = list.mapKeys.map((name) => JSON.stringify(name)).join(' ');
  throw new UnidentifiedItem(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  );
}

/** The default that a field's schema states: for what is always present its zero value, for some keys more. */
export function schemaDefault(struct: StructSchema, name: string): unknown {
  const field = struct.fields.get(name);
  if (field?.default !== undefined) return field.default;
  const own = KEY_DEFAULTS[`${struct.shortName}.${name}`];
  if (own !== undefined || field?.zero !== 'always' || field.schema.kind !== 'scalar') return own;
  return zeroScalar(field.schema.type) ?? undefined;
}

/** The zero value of a scalar that is always present. */
export function zeroScalar(type: string): unknown {
  switch (type) {
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'object':
    case 'rawExtension':
    case 'fieldsV1':
      return {};
    case 'any':
    case 'time':
    case 'microTime':
      return null;
    default:
      return '';
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Absent, null or without members. */
export function isHollow(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

/** Equality of JSON values; the order of members does not count. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
  );
}
