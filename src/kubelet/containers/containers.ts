import { createHash } from 'node:crypto';
import type { Container, EphemeralContainer, Pod } from '#machinery/types/core-v1.ts';

/** What runs in a pod under one name, whichever list of the spec it stands in. */
export type AnyContainer = Container | EphemeralContainer;

export function allContainers(pod: Pod): readonly AnyContainer[] {
  return [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? []), ...(pod.spec.ephemeralContainers ?? [])];
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function sidecarNames(pod: Pod): readonly string[] {
  return (pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name);
}

/** Changes when a running container has to be made anew: of all that can change in a spec, only the image asks for it. */
export function containerHash(container: AnyContainer): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image ?? '']))
    .digest('hex')
    .slice(0, 8);
}
