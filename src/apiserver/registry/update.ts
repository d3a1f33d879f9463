import { isDeepStrictEqual } from 'node:util';
import { FieldPath, invalid, type FieldError } from '#machinery/field-error.ts';
import { keepTimes } from '#machinery/apply/field-manager.ts';
import { type Draft, deepFreeze, draftOf, type KubeObject } from '#machinery/object.ts';
import type { ResourceDefinition, WriteContext } from '#machinery/resource/definition.ts';
import {
  badRequestError,
  conflictError,
  invalidError,
  modifiedConflictError,
  notFoundError,
} from '#machinery/status.ts';
import type { ObjectMeta } from '#machinery/types/meta-v1.ts';
import { validateAnnotations, validateLabels } from '#machinery/validation/labels.ts';
import {
  validateObjectMeta,
  validateObjectMetaUpdate,
  validateOwnerReferences,
} from '#machinery/validation/metadata.ts';
import { RevisionMismatch } from '#store/store.ts';
import type { CachedObject } from '../cache/cache.ts';
import { createObject, withRevision } from './create.ts';
import { isDeletedForGood, removeFinished } from './delete.ts';
import { runHooks } from './hooks.ts';
import { dedupeOwners } from './metadata.ts';
import {
  admissionRequest,
  admit,
  admitValidating,
  type ServedResource,
  type WriteRequest,
  type Written,
  writeContext,
} from './registry.ts';
import { storedBytes } from './storage.ts';
import { normalized, oneToServed, toStorage } from './versions.ts';

/** A write to one key is tried again while others come first; beyond this something is wrong. */
const MAX_TRIES = 100;

/**
 * What a write makes of the current object. Both are in the served version; the result is a draft of the caller's own,
 * with its managedFields.
 * It is called again when another write came first. `current` is undefined where the object does not exist and the
 * change may create it.
 */
export type Change = (current: KubeObject | undefined) => Promise<Draft<KubeObject>> | Draft<KubeObject>;

export interface UpdateOptions {
  readonly change: Change;
  /** Makes the object where it does not exist. */
  readonly mayCreate: boolean;
  /** A draft without resourceVersion is written over whatever there is. */
  readonly unconditional: boolean;
  /** A uid in the draft is a precondition (409), not a change of the uid (422). */
  readonly uidIsPrecondition: boolean;
}

/** One pass of the write loop for an object that exists. */
interface Attempt {
  readonly current: CachedObject;
  readonly old: KubeObject;
  readonly request: WriteRequest;
  readonly options: UpdateOptions;
  readonly context: WriteContext;
}

/**
 * The write loop: read the current object, change it, default, admit, run the strategy, validate, admit, compare and
 * swap. Goes round again when another write came first, unless the client named a resourceVersion.
 */
export async function updateObject(
  served: ServedResource,
  request: WriteRequest,
  options: UpdateOptions,
): Promise<Written> {
  const { storage, registry, groupResource } = served;
  for (let tries = 1; ; tries++) {
    request.signal.throwIfAborted();
    const current = storage.get(request.namespace, request.name);
    try {
      if (!current) return await createByUpdate(served, request, options);
      const context = writeContext(registry, request);
      return await updateOnce(served, { current, old: current.object(), request, options, context });
    } catch (error) {
      if (!(error instanceof RevisionMismatch)) throw error;
      if (tries === MAX_TRIES) throw modifiedConflictError(groupResource, request.name);
      await storage.cache.freshen();
    }
  }
}

async function createByUpdate(
  served: ServedResource,
  request: WriteRequest,
  { change, mayCreate }: UpdateOptions,
): Promise<Written> {
  const { groupResource } = served;
  if (!mayCreate || request.subresource) throw notFoundError(groupResource, request.name);
  const draft = await change(undefined);
  requireSameIdentity(draft, served, request);
  if (draft.metadata.uid) {
    throw conflictError(
      groupResource,
      request.name,
      `Precondition failed: UID in precondition: ${draft.metadata.uid}, UID in object meta: `,
    );
  }
  return createObject(served, draft, request, request.requireCreate);
}

async function updateOnce(served: ServedResource, attempt: Attempt): Promise<Written> {
  const { definition, registry } = served;
  const { current, old, request, context } = attempt;
  const sent = await attempt.options.change(await oneToServed(served, old));
  requireSameIdentity(sent, served, request);
  checkPreconditions(sent, served, attempt);
  keepSystemMetadata(sent, old);
  dedupeOwners(sent, request.warn);
  const admitted = await toStorage(served, sent);

  const admission = admissionRequest(served, request, 'UPDATE', { object: admitted, oldObject: old });
  await admit(registry, admission);
  definition.strategy.defaults?.(admitted);
  dedupeOwners(admitted, request.warn);

  prepare(served, admitted, attempt);
  await using hooks = request.subresource ? undefined : await runHooks(served, admitted, old, context);
  const draft = normalized(served, admitted);
  countGeneration(served, draft, attempt);
  validateChanged(served, draft, attempt);
  for (const text of definition.strategy.warnings?.(draft, old, context) ?? []) request.warn(text);
  await admitValidating(registry, { ...admission, object: draft });

  const object = deepFreeze(draft) as KubeObject;
  if (isDeletedForGood(object, definition)) return removeFinished(served, object, current, request);
  const bytes = storedBytes(object);
  const unchanged = isUnchanged(object, old, bytes, current);
  if (unchanged || request.dryRun) {
    return unchanged
      ? { object: old, cached: current, created: false }
      : { object: withRevision(object, current.revision), cached: undefined, created: false };
  }
  const revision = await served.storage.write(object, bytes, current.revision, context.now);
  await hooks?.commit();
  const cached = served.storage.get(request.namespace, request.name);
  return {
    object: withRevision(object, revision),
    cached: cached?.revision === revision ? cached : undefined,
    created: false,
  };
}

/** True where nothing would change but the times of managedFields. */
function isUnchanged(object: KubeObject, old: KubeObject, bytes: Uint8Array, current: CachedObject): boolean {
  if (Buffer.compare(bytes, current.bytes) === 0) return true;
  const { managedFields, ...metadata } = object.metadata;
  const { resourceVersion } = old.metadata;
  const owners = managedFields && { managedFields: keepTimes(managedFields, old.metadata.managedFields) };
  // members may stand in another order
  return isDeepStrictEqual({ ...object, metadata: { ...metadata, ...owners, resourceVersion } }, old);
}

/** The body must name the object that the URL names. */
export function requireSameIdentity(
  draft: Draft<KubeObject>,
  { definition }: ServedResource,
  request: WriteRequest,
): void {
  const { metadata } = draft;
  if (!metadata.name) {
    throw badRequestError(
      `the name of the object (${request.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== request.name) {
    throw badRequestError(
      `the name of the object (${metadata.name}) does not match the name on the URL (${request.name})`,
    );
  }
  if (!definition.namespaced) delete metadata.namespace;
  else if (!metadata.namespace) metadata.namespace = request.namespace;
  else if (metadata.namespace !== request.namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/**
 * Throws where the client named a resourceVersion that is not the current one. A write that another one overtakes goes
 * round the loop again and is refused here then, if it named one: a patch that named none is applied to the new state.
 */
function checkPreconditions(draft: Draft<KubeObject>, served: ServedResource, attempt: Attempt): void {
  const { definition, groupResource } = served;
  const { current, old, request, options } = attempt;
  const { uid, resourceVersion } = draft.metadata;
  if (options.uidIsPrecondition && uid && uid !== old.metadata.uid) {
    const cause = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
    throw conflictError(groupResource, request.name, cause);
  }
  if (!resourceVersion || resourceVersion === '0') {
    if (options.unconditional) return;
    const error = invalid(FieldPath.of('metadata', 'resourceVersion'), 0, 'must be specified for an update');
    throw invalidError(definition.group, definition.plural, request.name, [
      { ...error, message: error.message.replace(': 0:', ': 0x0:') },
    ]);
  }
  if (!/^\d+$/.test(resourceVersion)) {
    const error = invalid(
      FieldPath.of('metadata', 'resourceVersion'),
      resourceVersion,
      'strconv.ParseUint: parsing: invalid syntax',
    );
    throw invalidError(definition.group, definition.kind, request.name, [error]);
  }
  if (resourceVersion !== String(current.revision)) throw modifiedConflictError(groupResource, request.name);
}

/** What an update leaves as it is where the client did not send it; what it sent is validated against the old. */
function keepSystemMetadata(draft: Draft<KubeObject>, old: KubeObject): void {
  const { metadata } = draft;
  metadata.resourceVersion = old.metadata.resourceVersion ?? '';
  delete metadata.selfLink;
  metadata.uid ||= old.metadata.uid ?? '';
  metadata.creationTimestamp = old.metadata.creationTimestamp ?? '';
  if (old.metadata.generation === undefined) delete metadata.generation;
  else metadata.generation = old.metadata.generation;
  if (!metadata.deletionTimestamp && old.metadata.deletionTimestamp) {
    metadata.deletionTimestamp = old.metadata.deletionTimestamp;
  }
  if (metadata.deletionGracePeriodSeconds === undefined && old.metadata.deletionGracePeriodSeconds !== undefined) {
    metadata.deletionGracePeriodSeconds = old.metadata.deletionGracePeriodSeconds;
  }
}

/** Runs the strategy of the resource or of the subresource. */
function prepare({ definition }: ServedResource, draft: Draft<KubeObject>, { old, request, context }: Attempt): void {
  const { strategy, subresources } = definition;
  if (request.subresource === 'status') {
    keepAllButStatus(draft, old);
    subresources.status?.prepareForUpdate?.(draft, old, context);
  } else if (request.subresource && request.subresource !== 'scale') {
    subresources.others?.[request.subresource]?.prepareForUpdate?.(draft, old, context);
  } else {
    if (subresources.status) keepStatus(draft, old);
    strategy.prepareForUpdate?.(draft, old, context);
  }
}

/** Counts the generation on where the strategy, or else anything but metadata and status, says that it has changed. */
function countGeneration({ definition }: ServedResource, draft: Draft<KubeObject>, { old, request }: Attempt): void {
  if (!definition.hasGeneration || request.subresource === 'status') return;
  const changed = definition.strategy.generationChanged?.(draft, old) ?? specChanged(draft, old);
  draft.metadata.generation = Number(old.metadata.generation ?? 0) + (changed ? 1 : 0);
}

/** Members of an object by name: what kind it is does not matter here. */
type Members = Record<string, unknown>;

function keepStatus(draft: Draft<KubeObject>, old: KubeObject): void {
  const status = (old as unknown as Members)['status'];
  if (status === undefined) delete (draft as unknown as Members)['status'];
  else (draft as unknown as Members)['status'] = draftOf(status);
}

function keepAllButStatus(draft: Draft<KubeObject>, old: KubeObject): void {
  const members = draft as unknown as Members;
  for (const key of Object.keys(members)) if (key !== 'metadata' && key !== 'status') delete members[key];
  for (const [key, value] of Object.entries(old)) {
    if (key !== 'metadata' && key !== 'status') members[key] = draftOf(value);
  }
}

function specChanged(draft: KubeObject, old: KubeObject): boolean {
  return !isDeepStrictEqual(withoutStatus(draft), withoutStatus(old));
}

function withoutStatus(object: KubeObject): object {
  const { metadata: _, status: __, ...rest } = object as KubeObject & { readonly status?: unknown };
  return rest;
}

function validateChanged({ definition, storage }: ServedResource, draft: Draft<KubeObject>, attempt: Attempt): void {
  const { old, request } = attempt;
  const object: KubeObject = draft;
  const path = FieldPath.of('metadata');
  const errors: FieldError[] = [
    ...validateObjectMeta(object.metadata, definition.namespaced, () => [], path),
    ...validateChangedMeta(object.metadata, old.metadata, path),
    ...(request.subresource ? [] : validateMetadataOfKind(definition, object, old)),
    ...(definition.validateMetadata?.(object, path) ?? []),
    ...validateByStrategy(definition, object, attempt),
  ];
  if (errors.length > 0) throw invalidError(storage.definition.group, definition.kind, request.name, errors);
}

function validateMetadataOfKind(
  definition: ResourceDefinition,
  { metadata }: KubeObject,
  old: KubeObject,
): readonly FieldError[] {
  const path = FieldPath.of('metadata');
  return definition.metadataChecks.flatMap((check) =>
    check === 'whole'
      ? validateObjectMeta(metadata, definition.namespaced, () => [], path)
      : validateChangedMeta(metadata, old.metadata, path),
  );
}

function validateChangedMeta(meta: ObjectMeta, old: ObjectMeta, path: FieldPath): readonly FieldError[] {
  return [
    ...validateObjectMetaUpdate(meta, old, path),
    ...validateLabels(meta.labels, path.at('labels')),
    ...validateAnnotations(meta.annotations, path.at('annotations')),
    ...validateOwnerReferences(meta.ownerReferences ?? [], path.at('ownerReferences')),
  ];
}

function validateByStrategy(
  { strategy, subresources }: ServedResource['definition'],
  object: KubeObject,
  { old, request, context }: Attempt,
): readonly FieldError[] {
  const { subresource } = request;
  const own = subresource === 'status' ? subresources.status : subresources.others?.[subresource];
  if (own) return own.validateUpdate?.(object, old, context) ?? [];
  if (strategy.validateUpdate) return strategy.validateUpdate(object, old, context);
  return strategy.validate?.(object, context) ?? [];
}
