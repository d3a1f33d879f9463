import type { ManagedFieldsEntry } from '../types/meta-v1.ts';
import { difference, hasPath, isEmpty, setOf } from './field-set.ts';
import { decodeManagedFields, encodeManagedFields, type Ownership } from './managed-fields.ts';

/** Where each version of the parent keeps its replicas, as field names; versions that are not named are unknown. */
export type ReplicasPaths = Readonly<Record<string, readonly string[]>>;

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS_OF_SCALE = setOf(['spec', 'replicas']);

/** The managedFields of a Scale: those of its parent, as far as they own the replicas. */
export function scaleManagedFields(
  parent: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): readonly ManagedFieldsEntry[] {
  const result = new Map<string, Ownership>();
  for (const [id, owner] of decodeManagedFields(parent)) {
    const path = paths[owner.apiVersion];
    if (path && hasPath(owner.set, elements(path))) {
      result.set(id, { ...owner, apiVersion: SCALE_VERSION, set: REPLICAS_OF_SCALE });
    }
  }
  return encodeManagedFields(result);
}

/**
 * The managedFields of the parent after its Scale was written: who lost the replicas of the Scale loses those of the
 * parent, and who took them owns them there through the subresource, without a time. `apiVersion`: the parent's.
 */
export function parentManagedFields(
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
  apiVersion: string,
): readonly ManagedFieldsEntry[] {
  const ofScale = new Map([...decodeManagedFields(scale)].map(([, owner]) => [scaleIdentity(owner), owner]));
  const result = new Map<string, Ownership>();
  for (const [id, owner] of decodeManagedFields(parent)) {
    const path = paths[owner.apiVersion];
    if (!path) continue;
    if (!hasPath(owner.set, elements(path))) {
      result.set(id, owner);
      continue;
    }
    if (ofScale.delete(scaleIdentity(owner))) {
      result.set(id, owner);
      continue;
    }
    const set = difference(owner.set, setOf(path));
    if (!isEmpty(set)) result.set(id, { ...owner, set });
  }
  const path = paths[apiVersion];
  for (const [id, owner] of ofScale) {
    if (path && hasPath(owner.set, elements(['spec', 'replicas']))) {
      result.set(`scale ${id}`, { ...owner, apiVersion, time: undefined, set: setOf(path) });
    }
  }
  return encodeManagedFields(result);
}

/** The version is not part of it: the same entry has another one in the Scale than in the parent. */
function scaleIdentity({ manager, operation, subresource }: Ownership): string {
  return JSON.stringify([manager, operation, subresource]);
}

function elements(path: readonly string[]): readonly string[] {
  return path.map((name) => `f:${name}`);
}
