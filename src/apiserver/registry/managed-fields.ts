import {
  applyConflictError,
  applyPatch,
  type FieldManagerContext,
  updateManagedFields,
} from '#machinery/apply/field-manager.ts';
import { resetFilter } from '#machinery/apply/reset-fields.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { formatTime } from '#machinery/time.ts';
import type { ServedResource, WriteRequest } from './registry.ts';
import { convertBetween } from './versions.ts';

/** Records in a draft who owns its fields, after a create, update or patch. Both objects are in the served version. */
export async function ownFields(
  served: ServedResource,
  draft: Draft<KubeObject>,
  live: KubeObject | undefined,
  request: WriteRequest,
): Promise<void> {
  if (request.fieldManager === undefined) return;
  const context = contextOf(served, request, request.fieldManager);
  const entries = await updateManagedFields({ ...context, live, next: draft });
  if (entries.length > 0) draft.metadata.managedFields = entries as Draft<typeof entries>;
  else delete draft.metadata.managedFields;
}

/** Server-side apply onto `live`; the result has its managedFields. Throws StatusError 409 for conflicts. */
export async function applyFields(
  served: ServedResource,
  applied: unknown,
  live: KubeObject | undefined,
  { request, force }: { readonly request: WriteRequest; readonly force: boolean },
): Promise<Readonly<Record<string, unknown>>> {
  const context = contextOf(served, request, request.fieldManager ?? '');
  const { object, conflicts } = await applyPatch({ ...context, live, applied, force });
  if (conflicts.length > 0) throw applyConflictError(conflicts);
  return object;
}

function contextOf(served: ServedResource, request: WriteRequest, manager: string): FieldManagerContext {
  const { definition, version, apiVersion, registry } = served;
  const { group, plural, kind, subresources } = definition;
  const scope = { group, plural, subresource: request.subresource, hasStatus: Boolean(subresources.status) };
  return {
    schema: version.schema,
    apiVersion,
    kind,
    subresource: request.subresource,
    manager,
    time: formatTime(registry.clock.now()),
    filter: resetFilter({ ...scope, custom: version.schema.name === '' }),
    convert: (object, target) => convertBetween(served, object, target),
  };
}
