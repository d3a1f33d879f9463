import { type Draft, draftOf, type KubeObject } from '../object.ts';

const KEPT = ['labels', 'annotations', 'finalizers', 'ownerReferences', 'deletionTimestamp', 'generation'] as const;

/**
 * Sets back the metadata that a write through `status` must not change, for the kinds whose status may change nothing
 * else. Which manager set which field of the status is kept. Source: API conventions, "Spec and Status".
 */
export function keepMetadata(draft: Draft<KubeObject>, old: KubeObject): void {
  const metadata = draft.metadata as Record<string, unknown>;
  for (const field of KEPT) {
    if (old.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = draftOf(old.metadata[field]);
  }
}
