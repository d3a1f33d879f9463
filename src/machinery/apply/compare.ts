import type { ListSchema, Schema } from '../schema/schema.ts';
import {
  type Atom,
  atomOf,
  isHollow,
  isObject,
  itemElement,
  memberSchema,
  type ObjectAtom,
  sameValue,
} from './atom.ts';
import { type FieldSet, FieldSetBuilder, union } from './field-set.ts';
import { fieldElement, type PathElement } from './path-element.ts';

/** What became of the fields between two states of an object. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export function compareValues(before: unknown, after: unknown, schema: Schema): Comparison {
  const walk = new CompareWalk();
  walk.compare(before, after, schema);
  return walk.result();
}

/** Everything that `after` has otherwise than `before`. */
export function changed(comparison: Comparison): FieldSet {
  return union(comparison.added, comparison.modified);
}

/** The state of one comparison: where the walk is, and what it has found. */
class CompareWalk {
  readonly #added = new FieldSetBuilder();
  readonly #modified = new FieldSetBuilder();
  readonly #removed = new FieldSetBuilder();
  readonly #path: PathElement[] = [];

  result(): Comparison {
    return { added: this.#added.build(), modified: this.#modified.build(), removed: this.#removed.build() };
  }

  /** undefined: absent; null is a value. */
  compare(before: unknown, after: unknown, schema: Schema | undefined): void {
    if (before === after) return;
    const atom = atomOf(schema, after === undefined ? before : after);
    const atomBefore = before === undefined || after === undefined ? atom : atomOf(schema, before);
    const sameKind = atomBefore.kind === atom.kind;
    const whole = atom.kind === 'leaf' || (isHollow(before) && isHollow(after));
    if (!sameKind) this.#compareParts(before, undefined, atomBefore);
    if (!whole) this.#compareParts(sameKind ? before : undefined, after, atom);
    if (before === undefined) this.#added.insert(this.#path);
    else if (after === undefined) this.#removed.insert(this.#path);
    else if ((whole || atomBefore.kind === 'leaf') && !sameValue(before, after)) this.#modified.insert(this.#path);
  }

  #compareParts(before: unknown, after: unknown, atom: Atom): void {
    if (atom.kind === 'object')
      this.#compareMembers(isObject(before) ? before : {}, isObject(after) ? after : {}, atom);
    if (atom.kind === 'list') this.#compareItems(asList(before), asList(after), atom.list);
  }

  #compareMembers(
    before: Readonly<Record<string, unknown>>,
    after: Readonly<Record<string, unknown>>,
    atom: ObjectAtom,
  ): void {
    for (const name of Object.keys(before)) {
      const then = Object.hasOwn(after, name) ? after[name] : undefined;
      this.#descend(fieldElement(name), before[name], then, memberSchema(atom, name));
    }
    for (const name of Object.keys(after)) {
      if (Object.hasOwn(before, name)) continue;
      this.#descend(fieldElement(name), undefined, after[name], memberSchema(atom, name));
    }
  }

  /** Items that occur more than once cannot be compared one by one: they count as one leaf. */
  #compareItems(before: readonly unknown[], after: readonly unknown[], list: ListSchema): void {
    const old = indexItems(before, list);
    const now = indexItems(after, list);
    for (const element of new Set([...old.keys(), ...now.keys()])) {
      const was = old.get(element) ?? [];
      const is = now.get(element) ?? [];
      if (was.length <= 1 && is.length <= 1) this.#descend(element, was[0], is[0], list.items);
      else if (was.length > 1 && is.length > 1) {
        if (!sameValue(was, is)) this.#modified.insert([...this.#path, element]);
      } else if (was.length > 1) {
        if (is.length > 0) this.#descend(element, undefined, is[0], list.items);
        this.#removed.insert([...this.#path, element]);
      } else {
        if (was.length > 0) this.#descend(element, was[0], undefined, list.items);
        this.#added.insert([...this.#path, element]);
      }
    }
  }

  #descend(element: PathElement, before: unknown, after: unknown, schema: Schema | undefined): void {
    this.#path.push(element);
    this.compare(before, after, schema);
    this.#path.pop();
  }
}

function indexItems(list: readonly unknown[], schema: ListSchema): Map<PathElement, unknown[]> {
  const result = new Map<PathElement, unknown[]>();
  for (const item of list) {
    const element = itemElement(schema, item);
    const same = result.get(element);
    if (same) same.push(item);
    else result.set(element, [item]);
  }
  return result;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
