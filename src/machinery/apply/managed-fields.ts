import type { ManagedFieldsEntry } from '../types/meta-v1.ts';
import { decodeFieldSet, encodeFieldSet, type FieldSet } from './field-set.ts';

/** What one manager owns through one operation. */
export interface Ownership {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Ownerships by identifier. An applier has one whatever its version, an updater one for each version. */
export type Managed = ReadonlyMap<string, Ownership>;

export function identifierOf(owner: Omit<Ownership, 'set' | 'time'>): string {
  return JSON.stringify({
    ...(owner.manager ? { manager: owner.manager } : {}),
    operation: owner.operation,
    ...(owner.operation === 'Update' ? { apiVersion: owner.apiVersion } : {}),
    ...(owner.subresource ? { subresource: owner.subresource } : {}),
  });
}

/** Decoded sets by their FieldsV1, and back: entries that do not change are neither decoded nor encoded again. */
const decoded = new WeakMap<object, FieldSet>();
const encoded = new WeakMap<FieldSet, Readonly<Record<string, unknown>>>();

/** Throws an Error where an entry is malformed. */
export function decodeManagedFields(entries: readonly ManagedFieldsEntry[] | undefined): Managed {
  const result = new Map<string, Ownership>();
  for (const [index, entry] of (entries ?? []).entries()) {
    const { operation, apiVersion, fieldsType } = entry;
    if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
    if (!apiVersion) throw new Error('apiVersion must not be empty');
    if (!fieldsType) throw new Error(`missing fieldsType in managed fields entry ${index}`);
    if (fieldsType !== 'FieldsV1')
      throw new Error(`invalid fieldsType "${fieldsType}" in managed fields entry ${index}`);
    const owner: Ownership = {
      manager: entry.manager ?? '',
      operation,
      apiVersion,
      subresource: entry.subresource ?? '',
      time: entry.time ?? undefined,
      set: decodeFields(entry.fieldsV1 ?? {}),
    };
    result.set(identifierOf(owner), owner);
  }
  return result;
}

function decodeFields(fields: Readonly<Record<string, unknown>>): FieldSet {
  const known = decoded.get(fields);
  if (known) return known;
  const set = decodeFieldSet(fields);
  if (Object.isFrozen(fields)) {
    decoded.set(fields, set);
    encoded.set(set, fields);
  }
  return set;
}

/** Entries in upstream's order: appliers first, then by time, manager, version and subresource. */
export function encodeManagedFields(managed: Managed): ManagedFieldsEntry[] {
  return [...managed.values()].map(encodeEntry).sort(compareEntries);
}

function encodeEntry(owner: Ownership): ManagedFieldsEntry {
  return {
    ...(owner.manager ? { manager: owner.manager } : {}),
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time ? { time: owner.time } : {}),
    fieldsType: 'FieldsV1',
    fieldsV1: encoded.get(owner.set) ?? encodeFieldSet(owner.set),
    ...(owner.subresource ? { subresource: owner.subresource } : {}),
  };
}

function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    compareTexts(a.operation, b.operation) ||
    seconds(a.time) - seconds(b.time) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function compareTexts(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function seconds(time: string | undefined): number {
  return time ? Math.floor(Date.parse(time) / 1000) : 0;
}
