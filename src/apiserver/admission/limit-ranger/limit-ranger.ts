import type { Draft } from '#machinery/object.ts';
import type {
  Container,
  LimitRange,
  PersistentVolumeClaim,
  Pod,
  ResourceRequirements,
} from '#machinery/types/core-v1.ts';
import { limitRange } from '#resources/core/limit-range/limit-range.ts';
import type { Listers } from '../../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { writtenPod } from '../pod-request.ts';
import { refusal } from '../refuse.ts';
import { checkClaim, checkContainer, checkPod } from './constraints.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

/** Fills in what containers may use where they do not say, and refuses what is outside. Source: "Limit Ranges". */
export function limitRanger(listers: Listers): AdmissionPlugin {
  const ranges = listers(limitRange);
  return {
    name: 'LimitRanger',
    admit(request) {
      const pod = writtenPod(request, ['CREATE']);
      if (pod) for (const range of ranges.list(request.namespace)) fillIn(pod, range);
    },
    validate(request) {
      const errors = ranges.list(request.namespace).flatMap((range) => violations(request, range));
      const [only] = errors;
      if (only === undefined) return;
      throw refusal(request, errors.length === 1 ? only : `[${[...new Set(errors)].join(', ')}]`);
    },
  };
}

function violations(request: AdmissionRequest, { spec }: LimitRange): readonly string[] {
  const limits = spec.limits ?? [];
  const pod = writtenPod(request, ['CREATE']) ?? resizedPod(request);
  if (pod) {
    const containers = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
    return limits.flatMap((limit) => {
      if (limit.type === 'Container') return containers.flatMap((container) => checkContainer(limit, container));
      return limit.type === 'Pod' ? checkPod(limit, pod) : [];
    });
  }
  const isClaim = request.group === '' && request.resource === 'persistentvolumeclaims' && !request.subresource;
  if (!isClaim || request.operation === 'DELETE' || !request.object) return [];
  const claim = request.object as Draft<PersistentVolumeClaim>;
  return limits.flatMap((limit) => (limit.type === 'PersistentVolumeClaim' ? checkClaim(limit, claim) : []));
}

function resizedPod(request: AdmissionRequest): Pod | undefined {
  const resized = request.group === '' && request.resource === 'pods' && request.subresource === 'resize';
  return resized && request.operation === 'UPDATE' ? (request.object as Pod | undefined) : undefined;
}

function fillIn(pod: Draft<Pod>, { spec }: LimitRange): void {
  const limits = (spec.limits ?? []).filter(({ type }) => type === 'Container');
  const defaults: ResourceRequirements = {
    requests: Object.assign({}, ...limits.map(({ defaultRequest }) => defaultRequest)),
    limits: Object.assign({}, ...limits.map((limit) => limit.default)),
  };
  const notes = [
    ...(pod.spec.containers ?? []).flatMap((container) => fillContainer(container, defaults, 'container')),
    ...(pod.spec.initContainers ?? []).flatMap((container) => fillContainer(container, defaults, 'init container')),
  ];
  if (notes.length === 0) return;
  const note = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: note };
}

/** Says what was set, as the annotation shows it. */
function fillContainer(container: Draft<Container>, defaults: ResourceRequirements, kind: string): readonly string[] {
  const notes: string[] = [];
  for (const field of ['requests', 'limits'] as const) {
    const there = container.resources?.[field] ?? {};
    const missing = Object.keys(defaults[field] ?? {}).filter((resource) => !(resource in there));
    if (missing.length === 0) continue;
    const added = Object.fromEntries(missing.map((resource) => [resource, defaults[field]?.[resource] ?? '0']));
    container.resources = { ...container.resources, [field]: { ...there, ...added } };
    notes.push(
      `${missing.sort().join(', ')} ${field === 'requests' ? 'request' : 'limit'} for ${kind} ${container.name}`,
    );
  }
  return notes;
}
