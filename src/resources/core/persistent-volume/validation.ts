import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { semanticEqual } from '#machinery/equality.ts';
import { draftOf } from '#machinery/object.ts';
import { parseQuantity } from '#machinery/quantity.ts';
import type { PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity } from '#machinery/types/core-v1.ts';
import { invalidFor, optionalOneOf } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { validateAccessModes, VOLUME_MODES } from '../persistent-volume-claim/claim-spec.ts';
import { validateNodeSelector } from '../pod/validation/scheduling.ts';
import { nonNegativeQuantity } from '../resource-names.ts';
import { sourceOf, validateVolumeSource } from './sources.ts';

const SPEC = FieldPath.of('spec');
export const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

export function validatePersistentVolume({ spec }: PersistentVolume): FieldError[] {
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required(SPEC.at('accessModes'))] : []),
    ...validateAccessModes(spec.accessModes ?? [], SPEC.at('accessModes')),
    ...validateCapacity(spec.capacity ?? {}, SPEC.at('capacity')),
    ...optionalOneOf(spec.persistentVolumeReclaimPolicy, RECLAIM_POLICIES, SPEC.at('persistentVolumeReclaimPolicy')),
    ...validateVolumeAffinity(spec.nodeAffinity, SPEC.at('nodeAffinity')),
    ...validateVolumeSource(spec, SPEC),
    ...(spec.local && !spec.nodeAffinity
      ? [required(SPEC.at('nodeAffinity'), 'Local volume requires node affinity')]
      : []),
    ...validateRecycledHostPath(spec),
    ...(spec.storageClassName
      ? invalidFor(isDnsSubdomain(spec.storageClassName, false), spec.storageClassName, SPEC.at('storageClassName'))
      : []),
    ...optionalOneOf(spec.volumeMode, VOLUME_MODES, SPEC.at('volumeMode')),
    ...validateAttributesClass(spec),
  ];
}

function validateCapacity(capacity: Readonly<Record<string, string>>, path: FieldPath): FieldError[] {
  const names = Object.keys(capacity);
  const errors: FieldError[] = names.length === 0 ? [required(path)] : [];
  if (!('storage' in capacity) || names.length > 1) errors.push(notSupported(path, capacity, ['storage']));
  for (const [name, text] of Object.entries(capacity)) {
    const at = path.key(name);
    errors.push(...nonNegativeQuantity(text, at));
    if (parseQuantity(text).nanos <= 0n) errors.push(invalid(at, text, 'must be greater than zero'));
  }
  return errors;
}

export function validateVolumeAffinity(affinity: VolumeNodeAffinity | undefined, path: FieldPath): FieldError[] {
  if (!affinity) return [];
  if (!affinity.required) return [required(path.at('required'), 'must specify required node constraints')];
  return validateNodeSelector(affinity.required, path.at('required'));
}

function validateRecycledHostPath({ hostPath, persistentVolumeReclaimPolicy }: PersistentVolumeSpec): FieldError[] {
  const root = /^\/+(\.?\/*)*$/.test(hostPath?.path ?? '');
  return root && persistentVolumeReclaimPolicy === 'Recycle'
    ? [forbidden(SPEC.at('persistentVolumeReclaimPolicy'), "may not be 'recycle' for a hostPath mount of '/'")]
    : [];
}

function validateAttributesClass({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): FieldError[] {
  const path = SPEC.at('volumeAttributesClassName');
  if (name === undefined) return [];
  if (name === '') return [required(path, 'an empty string is disallowed')];
  return [
    ...invalidFor(isDnsSubdomain(name, false), name, path),
    ...(csi ? [] : [required(SPEC.at('csi'), 'has to be specified when using volumeAttributesClassName')]),
  ];
}

export function validatePersistentVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const { spec } = volume;
  // Twice: upstream's strategy and its check of updates both look at the whole object, and both answers are served.
  return [
    ...validatePersistentVolume(volume),
    ...validatePersistentVolume(volume),
    ...validateSameSource(spec, old.spec),
    ...validateImmutable(spec.volumeMode, old.spec.volumeMode, FieldPath.of('volumeMode')),
    ...validateAffinityUpdate(spec.nodeAffinity, old.spec.nodeAffinity),
    ...validateAttributesClassUpdate(spec, old.spec),
  ];
}

/** What a volume is stays; a secret for its expansion may be named later. */
function validateSameSource(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const source = draftOf(sourceOf(spec));
  if (source.csi && old.csi && !old.csi.controllerExpandSecretRef) delete source.csi.controllerExpandSecretRef;
  if (semanticEqual(source, sourceOf(old))) return [];
  return [forbidden(SPEC.at('persistentvolumesource'), 'spec.persistentvolumesource is immutable after creation')];
}

const TOPOLOGY_KEYS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
};

/** Once set it may only change from the old names of labels to their new ones. */
function validateAffinityUpdate(
  affinity: VolumeNodeAffinity | undefined,
  old: VolumeNodeAffinity | undefined,
): FieldError[] {
  if (!old) return [];
  const renamed = draftOf(old);
  const now = affinity?.required?.nodeSelectorTerms ?? [];
  for (const [at, term] of (renamed.required?.nodeSelectorTerms ?? []).entries()) {
    for (const [index, expression] of (term.matchExpressions ?? []).entries()) {
      const newer = TOPOLOGY_KEYS[expression.key];
      if (newer && now[at]?.matchExpressions?.[index]?.key === newer) expression.key = newer;
    }
  }
  return validateImmutable(affinity, renamed, FieldPath.of('nodeAffinity'));
}

function validateAttributesClassUpdate(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const [name, before] = [spec.volumeAttributesClassName, old.volumeAttributesClassName];
  if (name !== undefined || before === undefined) return [];
  return [forbidden(SPEC.at('volumeAttributesClassName'), 'update from non-nil value to nil is forbidden')];
}
