import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { type Draft, draftOf } from '#machinery/object.ts';
import { compareQuantities, parseQuantity, quantityOf } from '#machinery/quantity.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { BETA_STORAGE_CLASS } from '../access-modes.ts';
import { nonNegativeQuantity } from '../resource-names.ts';
import { validateClaimSpec } from './claim-spec.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');

export function validatePersistentVolumeClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  return validateClaimSpec(spec, SPEC);
}

export function validatePersistentVolumeClaimUpdate(
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): FieldError[] {
  return [
    ...validatePersistentVolumeClaim(claim),
    ...validateClassAnnotation(claim, old),
    ...validateSameSpec(claim, old),
    ...validateSize(claim, old),
    ...validateImmutable(claim.spec.volumeMode, old.spec.volumeMode, FieldPath.of('volumeMode')),
    ...validateAttributesClass(claim, old),
  ];
}

function annotationOf({ metadata }: PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[BETA_STORAGE_CLASS];
}

/** The class may move from the annotation into the field, as long as it is the same. */
function movesToField(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const before = annotationOf(old);
  const now = annotationOf(claim);
  return (
    before !== undefined &&
    old.spec.storageClassName === undefined &&
    claim.spec.storageClassName === before &&
    (now === undefined || now === before)
  );
}

function validateClassAnnotation(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  if (movesToField(claim, old) || annotationOf(claim) === annotationOf(old)) return [];
  const path = FieldPath.of('metadata', 'annotations', BETA_STORAGE_CLASS);
  return [invalid(path, annotationOf(claim) ?? '', 'field is immutable')];
}

/** A claim that names no class at all may be given one. Source: KEP-3333. */
function namesFirstClass(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  return (
    old.spec.storageClassName === undefined && annotationOf(old) === undefined && Boolean(claim.spec.storageClassName)
  );
}

function validateSameSpec(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const now: Draft<PersistentVolumeClaim> = draftOf(claim);
  const before: Draft<PersistentVolumeClaim> = draftOf(old);
  if (!before.spec.volumeName) keep(now, before, 'volumeName');
  if (movesToField(claim, old) || namesFirstClass(claim, old)) keep(now, before, 'storageClassName');
  if (claim.status?.phase === 'Bound') {
    const size = before.spec.resources?.requests?.['storage'];
    if (now.spec.resources?.requests && size !== undefined) now.spec.resources.requests['storage'] = size;
    keep(now, before, 'volumeAttributesClassName');
  }
  if (semanticEqual(now.spec, before.spec)) return [];
  return [
    forbidden(
      SPEC,
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    ),
  ];
}

/** Sets one field of the compared copies back to what it was. */
function keep(
  now: Draft<PersistentVolumeClaim>,
  before: Draft<PersistentVolumeClaim>,
  field: 'storageClassName' | 'volumeName' | 'volumeAttributesClassName',
): void {
  const value = before.spec[field];
  if (value === undefined) delete now.spec[field];
  else now.spec[field] = value;
}

/** A claim may shrink again after a failed expansion, but not to what it has already. Source: KEP-1790. */
function validateSize({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const now = spec.resources?.requests?.['storage'];
  const before = old.spec.resources?.requests?.['storage'];
  if (now === undefined || before === undefined) return [];
  const size = parseQuantity(now);
  if (compareQuantities(size, parseQuantity(before)) >= 0) return [];
  const capacity = old.status?.capacity?.['storage'];
  if (compareQuantities(size, capacity === undefined ? quantityOf(0) : parseQuantity(capacity)) > 0) return [];
  return [forbidden(SPEC.at('resources', 'requests', 'storage'), 'field can not be less than status.capacity')];
}

/** A class that was applied cannot be taken away again. Source: KEP-3751. */
function validateAttributesClass({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const before = old.spec.volumeAttributesClassName;
  if (!before || spec.volumeAttributesClassName || !old.status?.currentVolumeAttributesClassName) return [];
  const path = SPEC.at('volumeAttributesClassName');
  const now = spec.volumeAttributesClassName === undefined ? 'nil' : 'an empty string';
  return [forbidden(path, `update from non-nil value to ${now} is forbidden`)];
}

const RESIZE_STATES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
];

export function validateClaimStatus({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const states = STATUS.at('allocatedResourceStatuses');
  const allocated = STATUS.at('allocatedResources');
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required(FieldPath.of('Spec', 'accessModes'))] : []),
    ...Object.entries(status?.capacity ?? {}).flatMap(([name, text]) =>
      nonNegativeQuantity(text, STATUS.at('capacity').key(name)),
    ),
    ...Object.entries(status?.allocatedResourceStatuses ?? {}).flatMap(([name, state]) => [
      ...claimResource(name, states),
      ...(RESIZE_STATES.includes(state) ? [] : [notSupported(states, name, RESIZE_STATES)]),
    ]),
    ...Object.entries(status?.allocatedResources ?? {}).flatMap(([name, text]) => {
      const wrong = claimResource(name, allocated);
      return wrong.length > 0 ? wrong : nonNegativeQuantity(text, allocated.key(name));
    }),
  ];
}

/** Storage itself, or a resource of somebody's own domain. */
function claimResource(name: string, path: FieldPath): FieldError[] {
  const messages = isQualifiedName(name);
  if (messages.length > 0) return messages.map((message) => invalid(path, name, message));
  if (name === 'storage') return [];
  const domain = name.includes('/') ? (name.split('/')[0] ?? '') : '';
  if (domain === '' || /(^|\.)(kubernetes|k8s)\.io$/.test(domain)) return [notSupported(path, name, ['storage'])];
  return [];
}
