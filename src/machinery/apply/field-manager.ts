import type { KubeObject } from '../object.ts';
import type { StructSchema } from '../schema/schema.ts';
import { badRequestError, failure } from '../status.ts';
import type { ManagedFieldsEntry } from '../types/meta-v1.ts';
import { isHollow, isObject, sameValue, UnidentifiedItem } from './atom.ts';
import { applyConflictError, type Conflict } from './conflicts.ts';
import { emptyObject } from './empty-object.ts';
import { difference, isEmpty, setOf, union } from './field-set.ts';
import { conflictsBeyondLastApplied, KUBECTL, withLastApplied } from './last-applied.ts';
import {
  decodeManagedFields,
  encodeManagedFields,
  identifierOf,
  type Managed,
  type Ownership,
  seconds,
} from './managed-fields.ts';
import { checkTyped, showErrors } from './typed.ts';
import {
  type Applied,
  type Convert,
  type FieldFilter,
  ownAfterApply,
  ownAfterUpdate,
  type Versioned,
  type Write,
  withoutManagedFields,
} from './updater.ts';

/** Who writes what, and what the type looks like in the version of the request. */
export interface FieldManagerContext {
  readonly schema: StructSchema;
  readonly apiVersion: string;
  readonly kind: string;
  /** '' for the resource itself. */
  readonly subresource: string;
  /** Name of the field manager (see `fieldManagerName`). */
  readonly manager: string;
  /** metav1.Time of the request. */
  readonly time: string;
  /** Fields that the (sub)resource resets (see `resetFilter`); none by default. */
  readonly filter?: FieldFilter;
  /** Turns the object into another served version, for entries that were recorded in one; needed where there are several. */
  readonly convert?: Convert;
}

export interface ApplyRequest extends FieldManagerContext {
  /** What is stored, in the version of the request; undefined where the apply creates the object. */
  readonly live: KubeObject | undefined;
  /** The decoded body, as the client sent it: no defaults, nothing left out. */
  readonly applied: unknown;
  readonly force: boolean;
}

export interface ApplyResult {
  /** The object to go on with (defaults, admission, validation); members with nothing left in them are null. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Fields of others that stand in the way; then nothing has been applied (see `applyConflictError`). */
  readonly conflicts: readonly Conflict[];
}

export interface UpdateRequest extends FieldManagerContext {
  /** What is stored, in the version of the request; undefined on create. */
  readonly live: KubeObject | undefined;
  /** What the client wants, decoded and defaulted, before admission: what the server adds later has no owner. */
  readonly next: KubeObject;
}

/** Longest name of a manager. */
const MAX_MANAGER_BYTES = 128;
/** Managers of plain updates that an object remembers; the oldest are merged into one. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT_CHANGES = 'ancient-changes';
/** Owner of what an object had when it was applied to for the first time and nobody was recorded. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/** Fields that nobody owns, since the server sets them or they name the object. */
const UNTRACKED = setOf(
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['metadata', name]),
);

/**
 * Server-side apply. Throws BadRequest where the body is not of the request's version or does not fit the schema.
 * Source: KEP-555; the Kubernetes documentation, "Server-Side Apply".
 */
export async function applyPatch(request: ApplyRequest): Promise<ApplyResult> {
  checkApplied(request);
  const live = liveVersion(request);
  let managed = decodeOrFail(request.live?.metadata.managedFields);
  if (managed.size === 0 && request.live) managed = await ownBeforeFirstApply(request, live);
  const owner = ownerOf(request, 'Apply');
  const write = writeOf(request, live, managed, owner);
  const result = await applyAs(request, write, owner);
  if (result.conflicts.length > 0) return { object: asRecord(live.object), conflicts: result.conflicts };

  const own = stripped(result.managed, write.self);
  const entry = own.get(write.self);
  const time = result.object === undefined ? managed.get(write.self)?.time : request.time;
  const entries = encodeManagedFields(entry ? new Map([...own, [write.self, { ...entry, time }]]) : own);
  const object = result.object ?? live.object;
  const kept = request.manager === KUBECTL ? withLastApplied(object, request.applied) : object;
  return { object: asRecord(withManagedFields(kept, entries)), conflicts: [] };
}

/**
 * The managedFields of an object that a create, update or patch (other than apply) writes. Times stand still where the
 * manager changed nothing.
 */
export async function updateManagedFields(request: UpdateRequest): Promise<readonly ManagedFieldsEntry[]> {
  const sent = request.next.metadata.managedFields;
  const managed = managedForUpdate(request, sent);
  const exists = Boolean(request.live?.metadata.uid);
  if (managed.size === 0 && exists) return [];
  const live = liveVersion(request);
  // The operation has an identity of its own until it is known what it took.
  const owner = ownerOf(request, 'Update');
  const id = identifierOf(owner);
  const write = { ...writeOf(request, live, managed, owner), self: 'current-operation' };
  const next = withoutManagedFields(request.next);
  let result: Managed;
  try {
    result = stripped(await ownAfterUpdate(write, next, owner), write.self);
  } catch (error) {
    // An object that does not fit its schema (an item without its key) has no fields to own.
    if (!(error instanceof UnidentifiedItem)) throw error;
    return encodeManagedFields(managed);
  }
  return encodeManagedFields(capped(adopted(result, write.self, id)));
}

/** The name under which a request owns fields: the `fieldManager` option, or the program that User-Agent names. */
export function fieldManagerName(option: string | undefined, userAgent: string | undefined): string {
  if (option) return option;
  let name = '';
  for (const character of (userAgent ?? '').split('/')[0] ?? '') {
    if (!/[^\p{C}\p{Zl}\p{Zp}]/u.test(character)) continue;
    if (Buffer.byteLength(name + character) > MAX_MANAGER_BYTES) break;
    name += character;
  }
  return name;
}

/** Entries of `next`, with the times of `live` where nothing but times differs: such a write is no change. */
export function keepTimes(
  next: readonly ManagedFieldsEntry[],
  live: readonly ManagedFieldsEntry[] | undefined,
): readonly ManagedFieldsEntry[] {
  if (!live || live.length !== next.length) return next;
  const same = next.every((entry, index) => sameValue({ ...entry, time: '' }, { ...live[index], time: '' }));
  return same ? live : next;
}

function checkApplied({ applied, schema, apiVersion, kind }: ApplyRequest): void {
  if (!isObject(applied)) throw badRequestError('error decoding YAML: the body is not an object');
  if (applied['apiVersion'] !== apiVersion || applied['kind'] !== kind) {
    throw badRequestError(`invalid object type: ${showKind(applied['apiVersion'], applied['kind'])}`);
  }
  const metadata = applied['metadata'];
  if (isObject(metadata) && metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) {
    throw badRequestError('metadata.managedFields must be nil');
  }
  const errors = checkTyped(applied, schema);
  if (errors.length === 0) return;
  const named = isObject(metadata) ? metadata : {};
  const place = `${showText(named['namespace'])}/${showText(named['name'])}`;
  throw badRequestError(
    `failed to create typed patch object (${place}; ${showKind(apiVersion, kind)}): ${showErrors(errors)}`,
  );
}

/** `apps/v1, Kind=Deployment`; the core group shows as an empty name. */
function showKind(apiVersion: unknown, kind: unknown): string {
  const version = showText(apiVersion);
  return `${version.includes('/') ? version : `/${version}`}, Kind=${showText(kind)}`;
}

function showText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A client-side apply by kubectl is no stranger to kubectl: what it set may be taken over without force. */
async function applyAs(request: ApplyRequest, write: Write, owner: Omit<Ownership, 'set'>): Promise<Applied> {
  const result = await ownAfterApply(write, request.applied, owner, request.force);
  if (result.conflicts.length === 0 || request.manager !== KUBECTL) return result;
  const conflicts = conflictsBeyondLastApplied(result.conflicts, write.live);
  return conflicts.length > 0 ? { ...result, conflicts } : ownAfterApply(write, request.applied, owner, true);
}

async function ownBeforeFirstApply(request: ApplyRequest, live: Versioned): Promise<Managed> {
  const owner = ownerOf({ ...request, manager: BEFORE_FIRST_APPLY }, 'Update');
  const before = { ...live, object: emptyObject(request.schema) };
  const write = writeOf(request, before, new Map(), owner);
  return stripped(await ownAfterUpdate(write, live.object, owner), write.self);
}

function liveVersion({ live, apiVersion, kind, schema }: ApplyRequest | UpdateRequest): Versioned {
  const object = live ? withoutManagedFields(live) : { ...emptyObject(schema), apiVersion, kind };
  return { apiVersion, object, schema };
}

function ownerOf(
  { manager, apiVersion, subresource, time }: FieldManagerContext,
  operation: Ownership['operation'],
): Omit<Ownership, 'set'> {
  return { manager: manager || 'unknown', operation, apiVersion, subresource, time };
}

function writeOf(
  { convert, filter }: FieldManagerContext,
  live: Versioned,
  managed: Managed,
  owner: Omit<Ownership, 'set'>,
): Write {
  return {
    live,
    managed,
    self: identifierOf(owner),
    convert: convert ?? (() => undefined),
    filter: filter ?? ((set) => set),
  };
}

function decodeOrFail(entries: readonly ManagedFieldsEntry[] | undefined): Managed {
  try {
    return decodeManagedFields(entries);
  } catch (error) {
    throw failure(
      500,
      '',
      `failed to decode managed fields: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What a client sends as managedFields counts where it can be read; an empty list or one empty entry resets them. */
function managedForUpdate(request: UpdateRequest, sent: readonly ManagedFieldsEntry[] | undefined): Managed {
  const live = request.live?.metadata.managedFields;
  if (request.subresource) return decodeOrNothing(live);
  if (sent?.length === 0 || (sent?.length === 1 && isHollow(sent[0]))) return new Map();
  const managed = decodeOrNothing(sent);
  return managed.size > 0 ? managed : decodeOrNothing(live);
}

function decodeOrNothing(entries: readonly ManagedFieldsEntry[] | undefined): Managed {
  try {
    return decodeManagedFields(entries);
  } catch {
    return new Map(); // Unreadable entries are dropped, as if nobody had been recorded.
  }
}

function stripped(managed: Managed, self: string): Managed {
  const owner = managed.get(self);
  if (!owner) return managed;
  const set = difference(owner.set, UNTRACKED);
  const result = new Map(managed);
  if (isEmpty(set)) result.delete(self);
  else result.set(self, { ...owner, set });
  return result;
}

/** Gives what the operation took to its manager, who may own more already. */
function adopted(managed: Managed, self: string, id: string): Managed {
  const taken = managed.get(self);
  if (!taken) return managed;
  const result = new Map(managed);
  result.delete(self);
  const before = result.get(id);
  result.set(id, before ? { ...taken, set: union(taken.set, before.set) } : taken);
  return result;
}

/** Merges the oldest updaters of each version into one entry until there are few enough. */
function capped(managed: Managed): Managed {
  const updaters = [...managed].filter(([, { operation }]) => operation === 'Update');
  if (updaters.length <= MAX_UPDATE_MANAGERS) return managed;
  updaters.sort(([a, one], [b, other]) => seconds(one.time) - seconds(other.time) || (a < b ? -1 : 1));
  const result = new Map(managed);
  const firsts = new Map<string, string>();
  let count = updaters.length;
  for (const [id, owner] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) break;
    const first = firsts.get(owner.apiVersion);
    if (first === undefined) {
      firsts.set(owner.apiVersion, id);
      continue;
    }
    const ancient = { ...owner, manager: ANCIENT_CHANGES, subresource: '' };
    const bucket = identifierOf(ancient);
    const older = result.get(bucket) ?? result.get(first);
    result.delete(first);
    result.delete(id);
    result.set(bucket, { ...ancient, set: older ? union(owner.set, older.set) : owner.set });
    count--;
  }
  return result;
}

function withManagedFields(object: unknown, managedFields: readonly ManagedFieldsEntry[]): unknown {
  if (!isObject(object)) return object;
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  return { ...object, metadata: managedFields.length > 0 ? { ...metadata, managedFields } : metadata };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

export { applyConflictError };
