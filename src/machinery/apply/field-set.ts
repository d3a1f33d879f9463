import { define } from '../object.ts';
import { canonicalElement, compareElements, fieldName, type PathElement } from './path-element.ts';
import type { Schema } from '../schema/schema.ts';

/**
 * A set of field paths, as a tree: a path is in the set where its node is a `member`. Nodes without members below them
 * do not occur. Sets are never changed once they are made; operations share what they can.
 */
export interface FieldSet {
  readonly member: boolean;
  readonly children: ReadonlyMap<PathElement, FieldSet>;
}

const NO_CHILDREN: ReadonlyMap<PathElement, FieldSet> = new Map();

export const emptySet: FieldSet = { member: false, children: NO_CHILDREN };

export const leaf: FieldSet = { member: true, children: NO_CHILDREN };

/** A set under construction. */
export class FieldSetBuilder {
  readonly #root: MutableNode = { member: false, children: undefined };

  insert(path: readonly PathElement[]): void {
    let node = this.#root;
    for (const element of path) {
      node.children ??= new Map();
      let next = node.children.get(element);
      if (!next) {
        next = { member: false, children: undefined };
        node.children.set(element, next);
      }
      node = next;
    }
    node.member = true;
  }

  build(): FieldSet {
    return frozen(this.#root);
  }
}

interface MutableNode {
  member: boolean;
  children: Map<PathElement, MutableNode> | undefined;
}

function frozen(node: MutableNode): FieldSet {
  if (!node.children) return node.member ? leaf : emptySet;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of node.children) children.set(element, frozen(child));
  return { member: node.member, children };
}

/** A set of paths, each given as its fields' names. */
export function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.insert(path.map((name) => `f:${name}`));
  return builder.build();
}

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.children.get(element);
  return node?.member ?? false;
}

function node(member: boolean, children: ReadonlyMap<PathElement, FieldSet>): FieldSet {
  if (children.size === 0) return member ? leaf : emptySet;
  return { member, children };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || a === b) return b;
  if (isEmpty(b)) return a;
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const other = children.get(element);
    children.set(element, other ? union(other, child) : child);
  }
  return node(a.member || b.member, children);
}

/** The paths of `a` that are not in `b`; a path in `b` says nothing of the paths below it. Gives `a` where none is. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  const children = new Map<PathElement, FieldSet>();
  let changed = a.member && b.member;
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other ? difference(child, other) : child;
    if (!isEmpty(rest)) children.set(element, rest);
    changed ||= rest !== child;
  }
  return changed ? node(a.member && !b.member, children) : a;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  const [small, large] = a.children.size <= b.children.size ? [a, b] : [b, a];
  for (const [element, child] of small.children) {
    const other = large.children.get(element);
    const both = other ? intersection(child, other) : emptySet;
    if (!isEmpty(both)) children.set(element, both);
  }
  return node(a.member && b.member, children);
}

/** The paths of `a` that are neither in `b` nor below a path in `b`. */
export function withoutBranches(a: FieldSet, b: FieldSet): FieldSet {
  if (b.member) return emptySet;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other ? withoutBranches(child, other) : child;
    if (!isEmpty(rest)) children.set(element, rest);
  }
  return node(a.member, children);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    if (!other || !sameSet(child, other)) return false;
  }
  return true;
}

/** Every path of the set, in order. */
export function* pathsOf(set: FieldSet, prefix: readonly PathElement[] = []): Generator<readonly PathElement[]> {
  if (set.member) yield prefix;
  for (const element of [...set.children.keys()].sort(compareElements)) {
    const child = set.children.get(element);
    if (child) yield* pathsOf(child, [...prefix, element]);
  }
}

/** Adds the declared fields that only lead to paths of the set: `a` for `a.b.c`, but not `a.b` where `a` is a map. */
export function withNamedFields(set: FieldSet, schema: Schema | undefined): FieldSet {
  if (set.children.size === 0) return set;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const name = fieldName(element);
    const field = name !== undefined && schema?.kind === 'struct' ? schema.fields.get(name) : undefined;
    const next = withNamedFields(child, field?.schema ?? partSchema(schema, name !== undefined));
    children.set(element, field ? node(true, next.children) : next);
  }
  return node(set.member, children);
}

function partSchema(schema: Schema | undefined, isField: boolean): Schema | undefined {
  if (schema?.kind === 'map' && isField) return schema.values;
  return schema?.kind === 'list' && !isField ? schema.items : undefined;
}

/** The FieldsV1 form, members in upstream's order. */
export function encodeFieldSet(set: FieldSet): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (set.member && set.children.size > 0) result['.'] = {};
  for (const element of [...set.children.keys()].sort(compareElements)) {
    const child = set.children.get(element);
    if (child) define(result, element, encodeFieldSet(child));
  }
  return result;
}

/** Deepest FieldsV1 that is read. */
const MAX_DEPTH = 200;

/** Reads FieldsV1; kinds of steps that are not known are dropped. Throws where it is no FieldsV1. */
export function decodeFieldSet(fields: unknown): FieldSet {
  return node(false, decodeNode(fields, 0).children);
}

function decodeNode(fields: unknown, depth: number): FieldSet {
  if (!isRecord(fields)) throw new Error('fieldsV1 is not an object');
  if (depth > MAX_DEPTH) throw new Error('fieldsV1 is nested too deep');
  const children = new Map<PathElement, FieldSet>();
  for (const key of Object.keys(fields)) {
    const element = key === '.' ? undefined : canonicalElement(key);
    if (element !== undefined) children.set(element, decodeNode(fields[key], depth + 1));
  }
  return node('.' in fields || children.size === 0, children);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
