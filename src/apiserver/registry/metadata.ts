import type { Draft, KubeObject } from '#machinery/object.ts';

/** Drops second references to the same owner, with a warning, as upstream does before and after admission. */
export function dedupeOwners(draft: Draft<KubeObject>, warn: (text: string) => void): void {
  const owners = draft.metadata.ownerReferences;
  if (!owners || owners.length < 2) return;
  const seen = new Set<string>();
  const kept = owners.filter(({ uid }) => !seen.has(uid) && seen.add(uid));
  if (kept.length === owners.length) return;
  const duplicates = owners.filter(({ uid }, index) => owners.findIndex((other) => other.uid === uid) !== index);
  for (const uid of new Set(duplicates.map((owner) => owner.uid))) {
    warn(
      `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uid}`,
    );
  }
  draft.metadata.ownerReferences = kept;
}
