import type { Pod } from '#machinery/types/core-v1.ts';

/** The annotation of pods that a kubelet shows for what it runs from files. Source: "Create static Pods". */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export function isMirrorPod({ metadata }: Pick<Pod, 'metadata'>): boolean {
  return metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}
