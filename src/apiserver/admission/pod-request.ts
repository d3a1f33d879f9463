import type { Draft } from '#machinery/object.ts';
import type { Container, EphemeralContainer, Pod, PodSpec } from '#machinery/types/core-v1.ts';
import type { AdmissionRequest } from './admission.ts';

/** The pod that a request writes, or undefined for other resources, subresources and operations. */
export function writtenPod(request: AdmissionRequest, operations: readonly string[]): Draft<Pod> | undefined {
  if (request.group !== '' || request.resource !== 'pods' || request.subresource !== '') return undefined;
  if (!operations.includes(request.operation)) return undefined;
  return request.object as Draft<Pod> | undefined;
}

/** A container and which kind of container it is, as messages name it. */
export interface NamedContainer {
  readonly kind: 'init container' | 'container' | 'ephemeral container';
  readonly container: Container | EphemeralContainer;
}

/** Every container that a pod may run: a check that forgets one kind is a hole (CVE-2023-2727, CVE-2024-3177). */
export function everyContainer(spec: PodSpec): readonly NamedContainer[] {
  return [
    ...(spec.initContainers ?? []).map((container) => ({ kind: 'init container', container }) as const),
    ...(spec.containers ?? []).map((container) => ({ kind: 'container', container }) as const),
    ...(spec.ephemeralContainers ?? []).map((container) => ({ kind: 'ephemeral container', container }) as const),
  ];
}
