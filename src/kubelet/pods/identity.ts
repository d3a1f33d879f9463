import type { Pod } from '#machinery/types/core-v1.ts';

export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export function identityOf(pod: Pod): PodIdentity {
  const { uid = '', name = '', namespace = '' } = pod.metadata;
  return { uid, name, namespace };
}

/** A pod as messages show it: `name_namespace(uid)`. */
export function showPod({ uid, name, namespace }: PodIdentity): string {
  return `${name}_${namespace}(${uid})`;
}

/** The pod's folder under the log root: `<namespace>_<name>_<uid>`. Source: CRI logging layout. */
export function logFolder({ uid, name, namespace }: PodIdentity): string {
  return `${namespace}_${name}_${uid}`;
}

export function isTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}
