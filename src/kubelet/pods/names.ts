import { createHash } from 'node:crypto';
import type { Container, EphemeralContainer, Pod } from '#machinery/types/core-v1.ts';

/** What runs in a pod under one name, whichever list of the spec it stands in. */
export type AnyContainer = Container | EphemeralContainer;

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

/** Changes when a running container has to be made anew: of all that can change in a spec, only the image asks for it. */
export function containerHash(container: AnyContainer): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image ?? '']))
    .digest('hex')
    .slice(0, 8);
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function allContainers(pod: Pod): readonly AnyContainer[] {
  return [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? []), ...(pod.spec.ephemeralContainers ?? [])];
}

export function isTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}
