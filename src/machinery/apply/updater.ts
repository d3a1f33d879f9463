import type { StructSchema } from '../schema/schema.ts';
import { isObject, sameValue } from './atom.ts';
import { changed, type Comparison, compareValues } from './compare.ts';
import type { Conflict } from './conflicts.ts';
import {
  difference,
  emptySet,
  type FieldSet,
  intersection,
  isEmpty,
  pathsOf,
  union,
  withNamedFields,
} from './field-set.ts';
import { fieldsOf, followSchema } from './field-sets.ts';
import { type Managed, type Ownership } from './managed-fields.ts';
import { mergeValues, removeFields } from './merge.ts';

/** An object in one version, without its managedFields. */
export interface Versioned {
  readonly apiVersion: string;
  readonly object: unknown;
  readonly schema: StructSchema;
}

/** The same object in another version; undefined where that version is not known (any more). */
export type Convert = (
  object: unknown,
  apiVersion: string,
) => Promise<Omit<Versioned, 'apiVersion'> | undefined> | Omit<Versioned, 'apiVersion'> | undefined;

/** Takes from a set the fields that the request cannot change, since the server resets them. */
export type FieldFilter = (set: FieldSet) => FieldSet;

/** One write as ownership sees it. */
export interface Write {
  readonly live: Versioned;
  readonly managed: Managed;
  /** Identifier of the manager that writes. */
  readonly self: string;
  readonly convert: Convert;
  readonly filter: FieldFilter;
}

/** Who owns what after an Update to `next`: the writer takes whatever it changed, from everybody. */
export async function ownAfterUpdate(write: Write, next: unknown, owner: Omit<Ownership, 'set'>): Promise<Managed> {
  const start = { ...write, managed: followSchemas(write) };
  const { managed, comparison } = await release(start, next, { force: true });
  const before = start.managed.get(write.self)?.set ?? emptySet;
  const set = write.filter(union(difference(before, comparison.removed), changed(comparison)));
  const result = new Map(managed);
  if (isEmpty(set)) result.delete(write.self);
  else result.set(write.self, { ...owner, set });
  return result;
}

export interface Applied {
  /** The object after the apply; undefined where nothing in it changed. */
  readonly object: unknown;
  readonly managed: Managed;
  readonly conflicts: readonly Conflict[];
}

/**
 * Lays `applied` over the live object, takes away what the manager applied before and nobody else owns, and says
 * who owns what then. Fields that others own and that would change are conflicts, unless `force` takes them.
 */
export async function ownAfterApply(
  write: Write,
  applied: unknown,
  owner: Omit<Ownership, 'set'>,
  force: boolean,
): Promise<Applied> {
  const start = followSchemas(write);
  const last = start.get(write.self);
  const managed = new Map(start);
  managed.set(write.self, { ...owner, set: write.filter(fieldsOf(applied, write.live.schema)) });
  const merged = { ...write.live, object: mergeValues(write.live.object, applied, write.live.schema) ?? {} };
  const next = last && !isEmpty(last.set) ? await prune({ ...write, managed }, merged, last) : merged.object;
  const released = await release({ ...write, managed }, next, { force });
  if (released.conflicts.length > 0) return { object: undefined, managed: start, conflicts: released.conflicts };
  const unchanged = sameValue(write.live.object, next);
  return { object: unchanged ? undefined : next, managed: released.managed, conflicts: [] };
}

function followSchemas({ live, managed }: Write): Managed {
  const result = new Map<string, Ownership>();
  for (const [id, owner] of managed) {
    const known = owner.apiVersion === live.apiVersion;
    result.set(id, known ? { ...owner, set: followSchema(owner.set, live.object, live.schema) } : owner);
  }
  return result;
}

interface Released {
  readonly managed: Managed;
  readonly comparison: Comparison;
  readonly conflicts: readonly Conflict[];
}

/** Takes from all others what a change to `next` changes or removes; or says where that is a conflict. */
async function release(write: Write, next: unknown, { force }: { readonly force: boolean }): Promise<Released> {
  const comparisons = new Map<string, Comparison | undefined>();
  const compareIn = async (apiVersion: string): Promise<Comparison | undefined> => {
    if (!comparisons.has(apiVersion)) comparisons.set(apiVersion, await compareVersions(write, next, apiVersion));
    return comparisons.get(apiVersion);
  };
  const comparison = (await compareIn(write.live.apiVersion)) ?? assertComparison();
  const managed = new Map<string, Ownership>();
  const conflicts: Conflict[] = [];
  for (const [id, owner] of write.managed) {
    if (id === write.self) {
      if (!isEmpty(owner.set)) managed.set(id, owner);
      continue;
    }
    const change = await compareIn(owner.apiVersion);
    if (!change) continue;
    const lost = intersection(owner.set, changed(change));
    for (const path of pathsOf(lost)) conflicts.push({ owner, path });
    const set = difference(difference(owner.set, lost), change.removed);
    if (!isEmpty(set)) managed.set(id, { ...owner, set });
  }
  return { managed, comparison, conflicts: force ? [] : conflicts };
}

function assertComparison(): never {
  throw new Error('the version of the request is always known');
}

async function compareVersions(write: Write, next: unknown, apiVersion: string): Promise<Comparison | undefined> {
  const before = await inVersion(write, write.live.object, apiVersion);
  const after = await inVersion(write, next, apiVersion);
  if (!before || !after) return undefined;
  const { added, modified, removed } = compareValues(before.object, after.object, before.schema);
  return { added: write.filter(added), modified: write.filter(modified), removed: write.filter(removed) };
}

async function inVersion(write: Write, object: unknown, apiVersion: string): Promise<Versioned | undefined> {
  if (apiVersion === write.live.apiVersion) return { ...write.live, object };
  const converted = await write.convert(object, apiVersion);
  if (!converted) return undefined;
  return { ...converted, object: withoutManagedFields(converted.object), apiVersion };
}

/** The merged object without the fields that `last` applied, that are applied no more, and that nobody else has. */
async function prune(write: Write, merged: Versioned, last: Ownership): Promise<unknown> {
  const base = await inVersion(write, merged.object, last.apiVersion);
  if (!base) return merged.object;
  const lastSet = withNamedFields(last.set, base.schema);
  let pruned = removeFields(base.object, lastSet, base.schema);

  const owned = new Map<string, FieldSet>([[last.apiVersion, emptySet]]);
  for (const { apiVersion, set } of write.managed.values()) {
    owned.set(apiVersion, union(owned.get(apiVersion) ?? emptySet, set));
  }
  let current: Versioned = base;
  for (const [apiVersion, set] of owned) {
    const whole = await moved(write, current, apiVersion);
    const part = await moved(write, { ...current, object: pruned }, apiVersion);
    if (!whole || !part) continue;
    pruned = withOwnedBack(whole, part.object, set);
    current = whole;
  }

  const back = await moved(write, { ...current, object: pruned }, last.apiVersion);
  const whole = await moved(write, current, last.apiVersion);
  if (!back || !whole) return merged.object;
  const result = { ...whole, object: withUnownedBack(whole, back.object, lastSet) };
  return (await moved(write, result, merged.apiVersion))?.object ?? merged.object;
}

/** From one version to another; `convert` starts at whatever version the object says it has. */
async function moved(write: Write, from: Versioned, apiVersion: string): Promise<Versioned | undefined> {
  if (from.apiVersion === apiVersion) return from;
  const named = isObject(from.object) ? { ...from.object, apiVersion: from.apiVersion } : from.object;
  if (apiVersion === write.live.apiVersion) {
    const converted = await write.convert(named, apiVersion);
    return converted ? { ...write.live, object: withoutManagedFields(converted.object) } : undefined;
  }
  return inVersion(write, named, apiVersion);
}

/** Puts back what pruning took although somebody owns it. */
function withOwnedBack(whole: Versioned, pruned: unknown, owned: FieldSet): unknown {
  const { object, schema } = whole;
  const keep = union(withNamedFields(fieldsOf(pruned, schema), schema), withNamedFields(owned, schema));
  return removeFields(object, difference(withNamedFields(fieldsOf(object, schema), schema), keep), schema);
}

/** Puts back what pruning took with a parent, and that the manager never owned. */
function withUnownedBack(whole: Versioned, pruned: unknown, last: FieldSet): unknown {
  const { object, schema } = whole;
  const all = withNamedFields(fieldsOf(object, schema), schema);
  const kept = withNamedFields(fieldsOf(pruned, schema), schema);
  return removeFields(object, intersection(difference(all, kept), last), schema);
}

export function withoutManagedFields(object: unknown): unknown {
  if (!isObject(object) || !isObject(object['metadata'])) return object;
  if (object['metadata']['managedFields'] === undefined) return object;
  const { managedFields: _, ...metadata } = object['metadata'];
  return { ...object, metadata };
}
