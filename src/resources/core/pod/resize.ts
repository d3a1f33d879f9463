import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import { type Draft, draftOf } from '#machinery/object.ts';
import type { SubresourceStrategy } from '#machinery/resource/definition.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '#machinery/types/core-v1.ts';
import { isMirrorPod } from './mirror.ts';
import { qosClassOf } from './qos.ts';
import { keepMetadata } from './prepare.ts';
import { validatePod } from './validation/pod.ts';

const SPEC = FieldPath.of('spec');
const RESIZABLE = ['cpu', 'memory'];

/** Changes cpu and memory of a pod's containers in place. Source: KEP-1287. */
export const resize: SubresourceStrategy<Pod> = {
  prepareForUpdate(draft, old) {
    const sent = draft.spec;
    draft.spec = draftOf(old.spec);
    for (const field of ['containers', 'initContainers'] as const) {
      const before = draft.spec[field] ?? [];
      const now = sent?.[field] ?? [];
      if (now.length !== before.length || now.some(({ name }, index) => name !== before[index]?.name)) {
        if (sent?.[field]) draft.spec[field] = sent[field];
        else if (field === 'initContainers') delete draft.spec[field];
        continue;
      }
      for (const [index, container] of before.entries()) takeResources(container, now[index]);
    }
    if (sent?.resources) draft.spec.resources = sent.resources;
    else delete draft.spec.resources;
    draft.status = draftOf(old.status ?? {});
    keepMetadata(draft, old);
  },
  validateUpdate(pod, old, context) {
    return [...validatePod(pod, context), ...validateResize(pod, old)];
  },
};

function takeResources(container: Draft<Container>, sent: Draft<Container> | undefined): void {
  container.resources = sent?.resources ?? {};
  if (sent?.resizePolicy) container.resizePolicy = sent.resizePolicy;
  else delete container.resizePolicy;
}

function validateResize(pod: Pod, old: Pod): FieldError[] {
  if (pod.spec.os?.name === 'windows')
    return [{ ...forbidden(FieldPath.root, 'windows pods cannot be resized'), field: '[]' }];
  if (isMirrorPod(pod)) {
    return [{ ...forbidden(FieldPath.root, 'static pods cannot be resized'), field: '[]' }];
  }
  const errors: FieldError[] = [];
  for (const field of ['containers', 'initContainers'] as const) {
    if ((pod.spec[field] ?? []).length !== (old.spec[field] ?? []).length) {
      errors.push(forbidden(SPEC.at(field), 'containers may not be added or removed on resize'));
    }
  }
  const sameContainers = errors.length === 0;
  const before = old.status?.qosClass || qosClassOf(old.spec);
  if (qosClassOf(pod.spec) !== before) {
    errors.push(invalid(SPEC, qosClassOf(pod.spec), 'Pod QOS Class may not change as a result of resizing'));
  }
  if (!sameContainers) return errors;
  if (old.spec.resources && !pod.spec.resources)
    errors.push(forbidden(SPEC.at('resources'), 'pod-level resources cannot be removed'));
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (pod.spec[field] ?? []).entries()) {
      const was = old.spec[field]?.[index];
      if (was) errors.push(...validateContainerResize(container, was, SPEC.at(field).index(index)));
    }
  }
  if (!semanticEqual(withoutResizable(pod.spec), withoutResizable(old.spec))) {
    errors.push(forbidden(SPEC, 'only cpu and memory resources are mutable'));
  }
  return errors;
}

function validateContainerResize(now: Container, old: Container, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['limits', 'requests'] as const) {
    const removed = RESIZABLE.some(
      (name) => old.resources?.[field]?.[name] !== undefined && now.resources?.[field]?.[name] === undefined,
    );
    if (removed) errors.push(forbidden(path.at('resources', field), `resource ${field} cannot be removed`));
  }
  return errors;
}

function withoutResizable(spec: PodSpec): unknown {
  const copy = draftOf(spec);
  for (const container of [...(copy.containers ?? []), ...(copy.initContainers ?? [])]) {
    container.resources = fixedPart(container.resources);
  }
  delete copy.resources;
  return copy;
}

function fixedPart(resources: ResourceRequirements | undefined): Draft<ResourceRequirements> {
  const fixed = (list: Readonly<Record<string, string>> | undefined) =>
    Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => !RESIZABLE.includes(name)));
  return {
    limits: fixed(resources?.limits),
    requests: fixed(resources?.requests),
    ...(resources?.claims ? { claims: draftOf(resources.claims) } : {}),
  };
}
