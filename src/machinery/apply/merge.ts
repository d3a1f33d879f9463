import { define } from '../object.ts';
import type { ListSchema, Schema } from '../schema/schema.ts';
import { atomOf, isHollow, isObject, itemElement, memberSchema, type ObjectAtom } from './atom.ts';
import type { FieldSet } from './field-set.ts';
import { fieldElement, type PathElement } from './path-element.ts';

/** `live` with everything in `applied` laid over it. undefined: absent. Shares parts with both. */
export function mergeValues(live: unknown, applied: unknown, schema: Schema | undefined): unknown {
  const atom = atomOf(schema, applied ?? live);
  if (atom.kind === 'leaf' || (isHollow(live) && isHollow(applied))) return applied === undefined ? live : applied;
  if (atom.kind === 'object') {
    return mergeMembers(isObject(live) ? live : {}, isObject(applied) ? applied : {}, atom);
  }
  return mergeItems(asList(live), asList(applied), atom.list);
}

function mergeMembers(
  live: Readonly<Record<string, unknown>>,
  applied: Readonly<Record<string, unknown>>,
  atom: ObjectAtom,
): unknown {
  const result: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(live), ...Object.keys(applied)])) {
    const before = Object.hasOwn(live, name) ? live[name] : undefined;
    const wanted = Object.hasOwn(applied, name) ? applied[name] : undefined;
    const value = mergeValues(before, wanted, memberSchema(atom, name));
    if (value !== undefined) define(result, name, value);
  }
  return Object.keys(result).length > 0 ? result : undefined;
}

/**
 * Items in the order of `applied`; those that only the live list has stay where they are between the items that both
 * have, as far as the applied order allows.
 */
function mergeItems(live: readonly unknown[], applied: readonly unknown[], list: ListSchema): unknown {
  const wanted = elementsOf(applied, list);
  const wantedItems = new Map(wanted.map((element, index) => [element, applied[index]]));
  const before = elementsOf(live, list);
  const liveItems = new Map<PathElement, unknown>();
  for (const [index, element] of before.entries()) {
    // Items that occur more than once are not merged.
    liveItems.set(element, liveItems.has(element) ? undefined : live[index]);
  }
  const shared = wanted.filter((element) => liveItems.has(element));
  const merged = new Set<PathElement>();
  const result: unknown[] = [];
  const take = (element: PathElement) => {
    merged.add(element);
    result.push(mergeValues(liveItems.get(element), wantedItems.get(element), list.items));
    if (shared[0] === element) shared.shift();
  };

  let l = 0;
  let w = 0;
  while (l < before.length || w < wanted.length) {
    const old = before[l];
    const next = wanted[w];
    if (old !== undefined && next !== undefined) {
      if (old === next) {
        take(next);
        l++;
        w++;
        continue;
      }
      if (wantedItems.has(old) && shared.length > 0 && shared[0] !== old) {
        l++;
        continue;
      }
    }
    if (old !== undefined) {
      if (!wantedItems.has(old)) {
        result.push(live[l]);
        l++;
        continue;
      }
      if (merged.has(old)) l++;
    }
    if (next !== undefined) {
      take(next);
      w++;
    }
  }
  return result.length > 0 ? result : undefined;
}

function elementsOf(items: readonly unknown[], list: ListSchema): PathElement[] {
  return items.map((item) => itemElement(list, item));
}

/** `value` without the members and items in `unwanted`. What has nothing left becomes null. */
export function removeFields(value: unknown, unwanted: FieldSet, schema: Schema | undefined): unknown {
  const atom = atomOf(schema, value);
  if (atom.kind === 'leaf') return Array.isArray(value) || isObject(value) ? null : value;
  if (isHollow(value)) return null;
  if (atom.kind === 'list') {
    const items = asList(value).flatMap((item) => {
      const below = unwanted.children.get(itemElement(atom.list, item));
      if (!below) return [item];
      return below.member ? [] : [removeFields(item, below, atom.list.items)];
    });
    return items.length > 0 ? items : null;
  }
  if (!isObject(value)) return null;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const below = unwanted.children.get(fieldElement(name));
    if (!below) define(result, name, value[name]);
    else if (!below.member) define(result, name, removeFields(value[name], below, memberSchema(atom, name)));
  }
  return Object.keys(result).length > 0 ? result : null;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
