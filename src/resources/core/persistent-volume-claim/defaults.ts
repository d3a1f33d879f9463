import type { Draft } from '#machinery/object.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';

export function defaultClaim(claim: Draft<PersistentVolumeClaim>): void {
  claim.status ??= {};
  claim.status.phase ||= 'Pending';
  claim.spec.volumeMode ??= 'Filesystem';
  claim.spec.resources ??= {};
}
