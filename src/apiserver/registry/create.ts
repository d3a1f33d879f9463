import { FieldPath } from '#machinery/field-error.ts';
import { type Draft, deepFreeze, draftOf, type KubeObject } from '#machinery/object.ts';
import { alreadyExistsError, generateNameConflictError, invalidError, isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import { validateObjectMeta } from '#machinery/validation/metadata.ts';
import { RevisionMismatch } from '#store/store.ts';
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
import { runHooks } from './hooks.ts';
import { storedBytes } from './storage.ts';
import { normalized, toStorage } from './versions.ts';

/** How often a taken generated name is replaced by another before the client is told. */
const GENERATE_NAME_TRIES = 8;
const MAX_GENERATED_BASE = 58;
const SUFFIX_LETTERS = 5;

/**
 * Creates an object from what a client sent (in the served version, with its managedFields). `allowed` throws where
 * who asks may not; it is asked of valid objects. Throws StatusError.
 */
export async function createObject(
  served: ServedResource,
  sent: Draft<KubeObject>,
  request: WriteRequest,
  allowed?: () => Promise<void>,
): Promise<Written> {
  const generated = !sent.metadata.name && Boolean(sent.metadata.generateName);
  for (let attempt = 1; ; attempt++) {
    const draft = generated ? draftOf(sent) : sent;
    try {
      return await createOnce(served, draft, request, allowed);
    } catch (error) {
      if (!generated || !isStatus(error, 'AlreadyExists')) throw error;
      if (attempt === GENERATE_NAME_TRIES)
        throw generateNameConflictError(served.groupResource, draft.metadata.name ?? '');
    }
  }
}

async function createOnce(
  served: ServedResource,
  sent: Draft<KubeObject>,
  request: WriteRequest,
  allowed: (() => Promise<void>) | undefined,
): Promise<Written> {
  const { definition, registry, groupResource } = served;
  const context = writeContext(registry, request);
  fillSystemMetadata(served, sent, request);
  dedupeOwners(sent, request.warn);
  const admitted = await toStorage(served, sent);
  const name = admitted.metadata.name ?? '';

  const admission = admissionRequest(served, request, 'CREATE', { object: admitted, oldObject: undefined, name });
  await admit(registry, admission);
  definition.strategy.defaults?.(admitted);
  dedupeOwners(admitted, request.warn);

  definition.strategy.prepareForCreate?.(admitted, context);
  await using hooks = await runHooks(served, admitted, undefined, context);
  if (definition.hasGeneration) admitted.metadata.generation = 1;
  const draft = normalized(served, admitted);
  validateNew(served, draft, context);
  for (const text of definition.strategy.warnings?.(draft, undefined, context) ?? []) request.warn(text);
  await allowed?.();
  await admitValidating(registry, { ...admission, object: draft });
  definition.strategy.defaults?.(draft); // as on every read: of what only the server has filled in now

  const object = deepFreeze(draft) as KubeObject;
  if (served.storage.get(object.metadata.namespace ?? '', name)) throw alreadyExistsError(groupResource, name);
  if (request.dryRun) return { object, cached: undefined, created: true };
  const revision = await insert(served, object, context.now);
  await hooks.commit();
  const cached = served.storage.get(object.metadata.namespace ?? '', name);
  return {
    object: withRevision(object, revision),
    cached: cached?.revision === revision ? cached : undefined,
    created: true,
  };
}

async function insert({ storage, groupResource }: ServedResource, object: KubeObject, now: number): Promise<number> {
  try {
    return await storage.write(object, storedBytes(object), 0, now);
  } catch (error) {
    if (error instanceof RevisionMismatch) throw alreadyExistsError(groupResource, object.metadata.name ?? '');
    throw error;
  }
}

/** What the server sets on every new object, whatever the client sent. */
function fillSystemMetadata(
  { definition, registry }: ServedResource,
  draft: Draft<KubeObject>,
  request: WriteRequest,
): void {
  const { metadata } = draft;
  if (definition.namespaced) metadata.namespace = request.namespace;
  else delete metadata.namespace;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  metadata.creationTimestamp = formatTime(registry.clock.now());
  metadata.uid = registry.random.uuid();
  if (!metadata.name && metadata.generateName) {
    metadata.name = metadata.generateName.slice(0, MAX_GENERATED_BASE) + registry.random.suffix(SUFFIX_LETTERS);
  }
}

function validateNew(
  { definition, storage }: ServedResource,
  draft: Draft<KubeObject>,
  context: ReturnType<typeof writeContext>,
): void {
  const object: KubeObject = draft;
  const path = FieldPath.of('metadata');
  const errors = [
    ...validateObjectMeta(object.metadata, definition.namespaced, definition.validateName, path),
    ...(definition.validateMetadata?.(object, path) ?? []),
    ...(definition.strategy.validate?.(object, context) ?? []),
  ];
  if (errors.length > 0)
    throw invalidError(storage.definition.group, definition.kind, object.metadata.name ?? '', errors);
}

/** The same object as it is after the write at `revision`. */
export function withRevision(object: KubeObject, revision: number): KubeObject {
  return deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
}
