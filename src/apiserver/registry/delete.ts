import { type Draft, deepFreeze, draftOf, type KubeObject } from '#machinery/object.ts';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { conflictError, modifiedConflictError, notFoundError } from '#machinery/status.ts';
import { formatTime, parseTime } from '#machinery/time.ts';
import { RevisionMismatch } from '#store/store.ts';
import type { CachedObject } from '../cache/cache.ts';
import { withRevision } from './create.ts';
import type { DeleteOptions } from './delete-options.ts';
import {
  admissionRequest,
  admit,
  admitValidating,
  hooksOf,
  type ServedResource,
  type WriteRequest,
  type Written,
} from './registry.ts';
import { storedBytes } from './storage.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const MAX_TRIES = 100;

export interface Deleted {
  /** The object as it was last, in the storage version. */
  readonly object: KubeObject;
  /** False where it stays for a while: finalizers, a graceful end. */
  readonly gone: boolean;
}

/** Deletes an object or begins to. Throws StatusError. Source: API concepts, "Resource deletion"; upstream's generic registry. */
export async function deleteObject(
  served: ServedResource,
  request: WriteRequest,
  options: DeleteOptions,
): Promise<Deleted> {
  const { storage, groupResource } = served;
  for (let tries = 1; ; tries++) {
    request.signal.throwIfAborted();
    const current = storage.get(request.namespace, request.name);
    if (!current) throw notFoundError(groupResource, request.name);
    try {
      return await deleteOnce(served, current, request, options);
    } catch (error) {
      if (!(error instanceof RevisionMismatch)) throw error;
      if (tries === MAX_TRIES) throw modifiedConflictError(groupResource, request.name);
      await storage.cache.freshen();
    }
  }
}

async function deleteOnce(
  served: ServedResource,
  current: CachedObject,
  request: WriteRequest,
  options: DeleteOptions,
): Promise<Deleted> {
  const { definition, registry } = served;
  const old = current.object();
  checkPreconditions(served, current, options);
  const admission = admissionRequest(served, request, 'DELETE', { object: undefined, oldObject: old, options });
  await admit(registry, admission);
  await admitValidating(registry, admission);

  const plan = planDeletion(definition, old, options, registry.clock.now());
  if (plan.type === 'pending') return { object: old, gone: false };
  if (plan.type === 'remove') return remove(served, old, current.revision, request);
  const marked = deepFreeze(plan.draft) as KubeObject;
  if (request.dryRun) return { object: withRevision(marked, current.revision), gone: false };
  const bytes = storedBytes(marked);
  const unchanged = Buffer.compare(bytes, current.bytes) === 0;
  const revision = unchanged
    ? current.revision
    : await served.storage.write(marked, bytes, current.revision, registry.clock.now());
  if (plan.type === 'mark') return { object: withRevision(marked, revision), gone: false };
  return remove(served, withRevision(marked, revision), revision, request);
}

/** Where more than finalizers can hold an object its first deletion only marks it. */
function mustWait(deletion: NonNullable<ResourceDefinition['deletion']>, old: KubeObject): boolean {
  return !old.metadata.deletionTimestamp || deletion.pending(old);
}

type DeletionPlan =
  /** It is being deleted already and nothing changes. */
  | { readonly type: 'pending' }
  | { readonly type: 'remove' }
  /** Write the draft; the object stays. */
  | { readonly type: 'mark'; readonly draft: Draft<KubeObject> }
  /** Write the draft, then remove it: watchers see the end of grace before the end. */
  | { readonly type: 'markAndRemove'; readonly draft: Draft<KubeObject> };

/** What a deletion does to an object, given its state. Pure. */
function planDeletion(
  definition: ResourceDefinition,
  old: KubeObject,
  options: DeleteOptions,
  now: number,
): DeletionPlan {
  const draft = draftOf(old);
  const grace = planGrace(definition, old, draft.metadata, { options, now });
  if (grace === 'pending') return { type: 'pending' };
  const finalizers = finalizersFor(definition, draft.metadata.finalizers ?? [], options);
  if (finalizers.length > 0) draft.metadata.finalizers = finalizers;
  else delete draft.metadata.finalizers;
  const held = finalizers.length > 0 || Boolean(definition.deletion && mustWait(definition.deletion, old));
  if (grace === 'graceful') {
    const seconds = Number(draft.metadata.deletionGracePeriodSeconds ?? 0);
    return { type: held || seconds > 0 ? 'mark' : 'markAndRemove', draft };
  }
  if (!held) return { type: 'remove' };
  markAsDeleting(definition, draft, now);
  return { type: 'mark', draft };
}

/** Sets or shortens the grace period. Source: upstream's rest.BeforeDelete. */
function planGrace(
  { gracePeriodSeconds }: ResourceDefinition,
  old: KubeObject,
  metadata: Draft<KubeObject>['metadata'],
  { options, now }: { readonly options: DeleteOptions; readonly now: number },
): 'none' | 'graceful' | 'pending' {
  if (!gracePeriodSeconds) return 'none';
  if (metadata.deletionTimestamp) return shortenGrace(metadata, options);
  const seconds = gracePeriodSeconds(old, options.gracePeriodSeconds);
  return seconds === undefined ? 'none' : beginGrace(metadata, seconds, now);
}

function shortenGrace(
  metadata: Draft<KubeObject>['metadata'],
  options: DeleteOptions,
): 'none' | 'graceful' | 'pending' {
  const current = metadata.deletionGracePeriodSeconds;
  if (current === undefined) return 'none';
  const asked = options.gracePeriodSeconds;
  if (asked === undefined || asked >= Number(current)) return 'pending';
  const end = parseTime(metadata.deletionTimestamp) ?? 0;
  metadata.deletionTimestamp = formatTime(end - Number(current) * 1000 + asked * 1000);
  metadata.deletionGracePeriodSeconds = asked;
  return 'graceful';
}

function beginGrace(metadata: Draft<KubeObject>['metadata'], seconds: number, now: number): 'graceful' {
  metadata.deletionTimestamp = formatTime(now + seconds * 1000);
  metadata.deletionGracePeriodSeconds = seconds;
  if (metadata.generation) metadata.generation = Number(metadata.generation) + 1;
  return 'graceful';
}

function markAsDeleting(definition: ResourceDefinition, draft: Draft<KubeObject>, now: number): void {
  const { metadata } = draft;
  if (!metadata.deletionTimestamp && metadata.generation) metadata.generation = Number(metadata.generation) + 1;
  const end = parseTime(metadata.deletionTimestamp);
  if (end === undefined || end > now) metadata.deletionTimestamp = formatTime(now);
  if (definition.deletion) definition.deletion.begin(draft);
  else metadata.deletionGracePeriodSeconds = 0;
}

/** The finalizers of the object with those that ask the garbage collector to treat its dependents in a certain way. */
function finalizersFor(
  { defaultPropagation }: ResourceDefinition,
  finalizers: readonly string[],
  { propagationPolicy, orphanDependents }: DeleteOptions,
): string[] {
  const others = finalizers.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  if (orphanDependents !== undefined) return orphanDependents ? [...others, ORPHAN] : others;
  if (propagationPolicy) {
    if (propagationPolicy === 'Orphan') return [...others, ORPHAN];
    return propagationPolicy === 'Foreground' ? [...others, FOREGROUND] : others;
  }
  if (finalizers.includes(ORPHAN)) return [...others, ORPHAN];
  if (finalizers.includes(FOREGROUND)) return [...others, FOREGROUND];
  return defaultPropagation === 'Orphan' ? [...others, ORPHAN] : others;
}

function checkPreconditions(
  { definition }: ServedResource,
  current: CachedObject,
  { preconditions }: DeleteOptions,
): void {
  if (!preconditions) return;
  const { metadata } = current.object();
  const kind = { group: definition.group, resource: definition.deletion ? definition.plural : definition.kind };
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid) {
    const cause = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflictError(kind, metadata.name ?? '', cause);
  }
  const revision = String(current.revision);
  if (resourceVersion !== undefined && resourceVersion !== revision) {
    const cause = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${revision}`;
    throw conflictError(kind, metadata.name ?? '', cause);
  }
}

async function remove(
  served: ServedResource,
  object: KubeObject,
  expected: number,
  { dryRun }: WriteRequest,
): Promise<Deleted> {
  if (dryRun) return { object: withRevision(object, expected), gone: true };
  const revision = await served.storage.remove(object, expected);
  for (const hook of hooksOf(served)) await hook.deleted?.(object);
  return { object: withRevision(object, revision), gone: true };
}

/** True for an object that is being deleted and that nothing holds any more. */
export function isDeletedForGood(object: KubeObject, { deletion }: ResourceDefinition): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (!deletionTimestamp || (finalizers && finalizers.length > 0) || deletion?.pending(object)) return false;
  return Number(deletionGracePeriodSeconds ?? 0) === 0;
}

/** An update took the last thing away that held an object: it goes. */
export async function removeFinished(
  served: ServedResource,
  object: KubeObject,
  current: CachedObject,
  request: WriteRequest,
): Promise<Written> {
  const { object: last } = await remove(served, object, current.revision, request);
  return { object: last, cached: undefined, created: false };
}
