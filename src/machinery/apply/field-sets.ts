import { assertNever } from '#base/assert.ts';
import type { Schema } from '../schema/schema.ts';
import { atomOf, isObject, itemElement, memberSchema, type ObjectAtom } from './atom.ts';
import { emptySet, type FieldSet, isEmpty, leaf, union } from './field-set.ts';
import { fieldElement, type PathElement } from './path-element.ts';

/** The paths that a value takes ownership of when it is applied: its leaves, its items, the keys of its maps. */
export function fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
  const atom = atomOf(schema, value);
  switch (atom.kind) {
    case 'leaf':
      return leaf;
    case 'object':
      return isObject(value) ? membersOf(value, atom) : emptySet;
    case 'list':
      return Array.isArray(value) ? itemsOf(value, atom.list) : emptySet;
    default:
      return assertNever(atom);
  }
}

function membersOf(value: Readonly<Record<string, unknown>>, atom: ObjectAtom): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const name of Object.keys(value)) {
    const part = value[name];
    const fields = fieldsOf(part, memberSchema(atom, name));
    const whole = part === null || (isObject(part) && Object.keys(part).length === 0);
    const member = fields.member || whole || !atom.struct?.fields.has(name);
    if (member || !isEmpty(fields)) children.set(fieldElement(name), { member, children: fields.children });
  }
  return { member: false, children };
}

function itemsOf(value: readonly unknown[], list: Extract<Schema, { kind: 'list' }>): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const item of value) {
    const element = itemElement(list, item);
    const fields = { member: true, children: fieldsOf(item, list.items).children };
    const before = children.get(element);
    children.set(element, before ? union(before, fields) : fields);
  }
  return { member: false, children };
}

/** Where a list or map that used to be granular has become atomic, its owner owns the whole of it. */
export function followSchema(set: FieldSet, value: unknown, schema: Schema | undefined): FieldSet {
  if (set.children.size === 0) return set;
  const atom = atomOf(schema, value);
  if (atom.kind === 'leaf') return schema && value !== undefined ? leaf : set;
  let changed: Map<PathElement, FieldSet> | undefined;
  for (const [element, child] of set.children) {
    const name = element.startsWith('f:') ? element.slice(2) : undefined;
    const next = followStep(child, atom, name, value);
    if (next === child) continue;
    changed ??= new Map(set.children);
    changed.set(element, next);
  }
  return changed ? { member: set.member, children: changed } : set;
}

function followStep(
  child: FieldSet,
  atom: Exclude<ReturnType<typeof atomOf>, { kind: 'leaf' }>,
  name: string | undefined,
  value: unknown,
): FieldSet {
  if (atom.kind === 'list') return name === undefined ? followSchema(child, {}, atom.list.items) : child;
  if (name === undefined) return child;
  const part = isObject(value) ? value[name] : undefined;
  return followSchema(child, part, memberSchema(atom, name));
}
