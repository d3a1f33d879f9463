import { type FieldError, type FieldPath, forbidden, required } from '#machinery/field-error.ts';
import type { PersistentVolumeSpec } from '#machinery/types/core-v1.ts';
import { validateAccessModes } from '../persistent-volume-claim/claim-spec.ts';
import { validateVolumeSource } from './sources.ts';
import { validateVolumeAffinity } from './validation.ts';

const CONTEXT = 'in the context of inline volumes';

/** A spec that stands in a VolumeAttachment instead of a volume: only what attaching needs. Source: KEP-625. */
export function validateInlineVolumeSpec(spec: PersistentVolumeSpec, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const unsupported = (field: keyof PersistentVolumeSpec) =>
    forbidden(path.at(field), `may not be specified ${CONTEXT}`);
  if (spec.claimRef) errors.push(unsupported('claimRef'));
  if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(unsupported('capacity'));
  if (!spec.csi) errors.push(required(path.at('csi')));
  if ((spec.accessModes ?? []).length === 0) errors.push(required(path.at('accessModes')));
  errors.push(...validateAccessModes(spec.accessModes ?? [], path.at('accessModes')));
  if (spec.persistentVolumeReclaimPolicy && spec.persistentVolumeReclaimPolicy !== 'Retain') {
    errors.push(forbidden(path.at('persistentVolumeReclaimPolicy'), `may only be "Retain" ${CONTEXT}`));
  }
  errors.push(
    ...validateVolumeAffinity(spec.nodeAffinity, path.at('nodeAffinity')),
    ...validateVolumeSource(spec, path),
  );
  if (spec.storageClassName) errors.push(unsupported('storageClassName'));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    errors.push(forbidden(path.at('volumeMode'), `may not specify volumeMode other than "Filesystem" ${CONTEXT}`));
  }
  if (spec.volumeAttributesClassName === '') {
    errors.push(required(path.at('volumeAttributesClassName'), 'an empty string is disallowed'));
  } else if (spec.volumeAttributesClassName) errors.push(unsupported('volumeAttributesClassName'));
  return errors;
}
