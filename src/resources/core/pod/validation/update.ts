import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import { type Draft, draftOf } from '#machinery/object.ts';
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '#machinery/types/core-v1.ts';
import { semanticEqual } from '#machinery/equality.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { validateImage } from './containers.ts';
import { validateTolerations } from './scheduling.ts';

const SPEC = FieldPath.of('spec');
const MAX_DEADLINE = 2_147_483_647;

/** What may change in a pod that exists. Source: core/v1 API, "Pod update and replacement". */
export function validatePodSpecUpdate(pod: Pod, old: Pod): FieldError[] {
  const added = sameContainers(pod.spec, old.spec);
  if (added.length > 0) return added;
  const errors = [
    ...(['containers', 'initContainers'] as const).flatMap((field) =>
      eachItem(pod.spec[field], SPEC.at(field), ({ image }, at) => validateImage(image, at.at('image'))),
    ),
    ...validateDeadline(pod.spec, old.spec),
    ...validateGates(pod.spec, old.spec),
    ...validateTolerations(pod.spec.tolerations, SPEC.at('tolerations')),
    ...onlyAddedTolerations(pod.spec.tolerations ?? [], old.spec.tolerations ?? []),
  ];
  const gated = (old.spec.schedulingGates ?? []).length > 0;
  if (gated) errors.push(...validateGatedScheduling(pod.spec, old.spec));
  const expected = withMutableFields(pod.spec, old.spec, gated);
  if (!semanticEqual(expected, old.spec)) {
    errors.push(
      forbidden(
        SPEC,
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    );
  }
  return errors;
}

function sameContainers(spec: PodSpec, old: PodSpec): FieldError[] {
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    if (field !== 'ephemeralContainers' && (spec[field] ?? []).length !== (old[field] ?? []).length) {
      return [forbidden(SPEC.at(field), 'pod updates may not add or remove containers')];
    }
  }
  return [];
}

function validateDeadline(spec: PodSpec, old: PodSpec): FieldError[] {
  const before = old.activeDeadlineSeconds;
  const path = SPEC.at('activeDeadlineSeconds');
  const now = spec.activeDeadlineSeconds;
  if (now !== undefined && (now < 0 || now > MAX_DEADLINE))
    return [invalid(path, now, 'must be between 0 and 2147483647, inclusive')];
  if (before === undefined) return [];
  if (now === undefined) return [invalid(path, now, 'must not update from a positive integer to nil value')];
  return now > before ? [invalid(path, now, 'must be less than or equal to previous value')] : [];
}

function validateGates(spec: PodSpec, old: PodSpec): FieldError[] {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  return (spec.schedulingGates ?? []).flatMap(({ name }, index) =>
    before.has(name)
      ? []
      : [
          forbidden(
            SPEC.at('schedulingGates').index(index).at('name'),
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function onlyAddedTolerations(tolerations: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration) => rest;
  const kept = old.every((before) =>
    tolerations.some((now) => semanticEqual(withoutSeconds(now), withoutSeconds(before))),
  );
  return kept
    ? []
    : [forbidden(SPEC.at('tolerations'), 'existing toleration can not be modified except its tolerationSeconds')];
}

/** While a pod is gated it may still be told where it must not go: node constraints may become narrower. */
function validateGatedScheduling(spec: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (spec.nodeSelector?.[key] === value) continue;
    errors.push(
      invalid(
        SPEC.at('nodeSelector'),
        spec.nodeSelector ?? null,
        'only additions are allowed (no mutations or deletions)',
      ),
    );
    break;
  }
  const before = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!before) return errors;
  const terms = before.nodeSelectorTerms ?? [];
  const now = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const path = SPEC.at(
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  );
  if (now.length === 0 || (terms.length > 0 && terms.length !== now.length)) {
    return [...errors, invalid(path, now, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  }
  for (const [index, term] of terms.entries()) {
    const narrower = now[index];
    if (narrower && isNarrower(narrower, term)) continue;
    errors.push(invalid(path.index(index), narrower, 'only additions are allowed (no mutations or deletions)'));
  }
  return errors;
}

function isNarrower(now: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  return (['matchExpressions', 'matchFields'] as const).every((field) => {
    const before = old[field] ?? [];
    if (before.length === 0) return true;
    return before.every((requirement, index) => semanticEqual(now[field]?.[index], requirement));
  });
}

/** The new spec with everything that may change set back to how it was. */
function withMutableFields(spec: PodSpec, old: PodSpec, gated: boolean): PodSpec {
  const copy: Draft<PodSpec> = draftOf(spec);
  const before: Draft<PodSpec> = draftOf(old);
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (copy[field] ?? []).entries()) keepImage(container, before[field]?.[index]);
  }
  restore(copy, before, 'activeDeadlineSeconds');
  restore(copy, before, 'schedulingGates');
  restore(copy, before, 'tolerations');
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    restore(copy, before, 'terminationGracePeriodSeconds');
  }
  if (gated) {
    restore(copy, before, 'nodeSelector');
    restoreNodeAffinity(copy, before);
  }
  return copy;
}

function keepImage(container: Draft<Container>, old: Draft<Container> | undefined): void {
  if (old?.image === undefined) delete container.image;
  else container.image = old.image;
}

function restore<Field extends keyof Draft<PodSpec>>(copy: Draft<PodSpec>, old: Draft<PodSpec>, field: Field): void {
  if (old[field] === undefined) delete copy[field];
  else copy[field] = old[field];
}

function restoreNodeAffinity(copy: Draft<PodSpec>, old: Draft<PodSpec>): void {
  const before = old.affinity?.nodeAffinity;
  if (before) copy.affinity = { ...copy.affinity, nodeAffinity: before };
  else if (copy.affinity) {
    delete copy.affinity.nodeAffinity;
    if (!old.affinity && Object.keys(copy.affinity).length === 0) delete copy.affinity;
  }
}
