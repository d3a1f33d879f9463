import { normalizeZero } from '#machinery/codec/decode.ts';
import { type Draft, deepFreeze, draftOf, type KubeObject } from '#machinery/object.ts';
import { modifiedConflictError, notFoundError } from '#machinery/status.ts';
import { RevisionMismatch } from '#store/store.ts';
import { withRevision } from './create.ts';
import type { ServedResource, WriteRequest } from './registry.ts';
import { storedBytes } from './storage.ts';

const MAX_TRIES = 100;

/**
 * Changes a stored object on the server's own account: no admission, no strategy, no managedFields; the change answers
 * for the result. It works on a draft in the storage version and is called again when another write came first.
 * Throws StatusError 404 and what the change throws.
 */
export async function rewriteObject(
  { storage, registry, groupResource }: ServedResource,
  { namespace, name, dryRun, signal }: Pick<WriteRequest, 'namespace' | 'name' | 'dryRun' | 'signal'>,
  change: (draft: Draft<KubeObject>) => void,
): Promise<KubeObject> {
  const schema = storage.definition.versions.find(
    ({ version }) => version === storage.definition.storageVersion,
  )?.schema;
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    const current = storage.get(namespace, name);
    if (!current) throw notFoundError(groupResource, name);
    const draft = draftOf(current.object());
    change(draft);
    const object = deepFreeze(schema ? normalizeZero(draft, schema) : draft) as KubeObject;
    const bytes = storedBytes(object);
    if (dryRun || Buffer.compare(bytes, current.bytes) === 0) return withRevision(object, current.revision);
    try {
      const revision = await storage.write(object, bytes, current.revision, registry.clock.now());
      return withRevision(object, revision);
    } catch (error) {
      if (!(error instanceof RevisionMismatch)) throw error;
      if (tries === MAX_TRIES) throw modifiedConflictError(groupResource, name);
      await storage.cache.freshen();
    }
  }
}
