import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { Pod, PodTemplateSpec } from '#machinery/types/core-v1.ts';
import { validateAnnotations, validateLabels } from '#machinery/validation/labels.ts';
import { APP_ARMOR_ANNOTATION, validateLegacyAnnotations } from '../annotations.ts';
import { MIRROR_ANNOTATION } from '../mirror.ts';
import { validatePodSpec } from './pod-spec.ts';
import { validatePodSpecUpdate } from './update.ts';

const SPEC = FieldPath.of('spec');

export function validatePod(pod: Pod, { featureOn }: WriteContext): FieldError[] {
  return [
    ...validatePodAnnotations(pod),
    ...validateLegacyAnnotations(pod),
    ...validatePodSpec(pod.spec, SPEC, { featureOn }),
  ];
}

export function validateNewPod(pod: Pod, context: WriteContext): FieldError[] {
  const errors = validatePod(pod, context);
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden(SPEC.at('ephemeralContainers'), 'cannot be set on create'));
  }
  if (pod.spec.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.push(forbidden(SPEC.at('nodeName'), 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

export function validateChangedPod(pod: Pod, old: Pod, context: WriteContext): FieldError[] {
  return [
    ...validateMirror(pod, old),
    ...validateAppArmorAnnotations(pod, old),
    ...validatePod(pod, context),
    ...validatePodSpecUpdate(pod, old),
  ];
}

/** Whose copy a mirror pod is cannot change. */
function validateMirror(pod: Pod, old: Pod): FieldError[] {
  const now = pod.metadata.annotations?.[MIRROR_ANNOTATION];
  const before = old.metadata.annotations?.[MIRROR_ANNOTATION];
  if (now === before) return validatePodAnnotations(pod);
  const path = FieldPath.of('metadata', 'annotations').key(MIRROR_ANNOTATION);
  const what = before === undefined ? 'add' : now === undefined ? 'remove' : 'update';
  return [forbidden(path, `may not ${what} mirror pod annotation`), ...validatePodAnnotations(pod)];
}

/** The confinement of a pod that runs cannot change. */
function validateAppArmorAnnotations({ metadata }: Pod, old: Pod): FieldError[] {
  const [now, before] = [metadata.annotations ?? {}, old.metadata.annotations ?? {}];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return keys
    .filter((key) => key.startsWith(APP_ARMOR_ANNOTATION) && now[key] !== before[key])
    .map((key) => {
      const what = before[key] === undefined ? 'add' : 'remove or update';
      return forbidden(FieldPath.of('metadata', 'annotations').key(key), `may not ${what} AppArmor annotations`);
    });
}

function validatePodAnnotations(pod: Pod): FieldError[] {
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined || pod.spec.nodeName) return [];
  const path = FieldPath.of('metadata', 'annotations').key(MIRROR_ANNOTATION);
  return [
    invalid(
      path,
      pod.metadata.annotations[MIRROR_ANNOTATION],
      'must set spec.nodeName if mirror pod annotation is set',
    ),
  ];
}

/** A pod template: its labels and annotations, and a spec that may leave open what only a pod must say. */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  path: FieldPath,
  featureOn: WriteContext['featureOn'],
): FieldError[] {
  const spec = template?.spec ?? { containers: null };
  const errors = [
    ...validateLabels(template?.metadata?.labels, path.at('labels')),
    ...validateAnnotations(template?.metadata?.annotations, path.at('annotations')),
    ...validatePodSpec(spec, path.at('spec'), { featureOn, template: true }),
  ];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden(path.at('spec', 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'));
  }
  return errors;
}
