import type { WriteContext } from '#machinery/resource/definition.ts';
import type { PodSpec, Volume } from '#machinery/types/core-v1.ts';

/** What a pod's parts must know of the pod around them while they are checked. */
export interface PodScope {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
  readonly featureOn: WriteContext['featureOn'];
  /** True inside the pod template of a workload. */
  readonly template: boolean;
}

export function podScope(spec: PodSpec, featureOn: WriteContext['featureOn'], template: boolean): PodScope {
  return {
    spec,
    volumes: new Map((spec.volumes ?? []).map((volume) => [volume.name, volume])),
    claims: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
    featureOn,
    template,
  };
}
