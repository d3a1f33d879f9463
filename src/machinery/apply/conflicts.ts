import { failure, type StatusError } from '../status.ts';
import { type PathElement, showPath } from './path-element.ts';
import { identifierOf, type Ownership } from './managed-fields.ts';

/** A field that an apply would change and that somebody else owns. */
export interface Conflict {
  readonly owner: Ownership;
  readonly path: readonly PathElement[];
}

/** The answer to an apply without force: 409 with a cause for each field. */
export function applyConflictError(conflicts: readonly Conflict[]): StatusError {
  const sorted = conflicts.toSorted((a, b) => {
    const [one, other] = [identifierOf(a.owner), identifierOf(b.owner)];
    return one < other ? -1 : one > other ? 1 : 0;
  });
  const causes = sorted.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${showOwner(owner)}`,
    field: showPath(path),
  }));
  return failure(409, 'Conflict', conflictMessage(sorted), { causes });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [only] = conflicts;
  if (only && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${showOwner(only.owner)}: ${showPath(only.path)}`;
  }
  const lines: string[] = [];
  let last: string | undefined;
  for (const { owner, path } of conflicts) {
    const id = identifierOf(owner);
    if (id !== last) lines.push(`conflicts with ${showOwner(owner)}:`);
    last = id;
    lines.push(`- ${showPath(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function showOwner({ manager, subresource, operation, apiVersion }: Ownership): string {
  const name = subresource
    ? `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`
    : JSON.stringify(manager);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
