import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { parseQuantity } from '#machinery/quantity.ts';
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedObjectReference,
} from '#machinery/types/core-v1.ts';
import { invalidFor, nonEmpty, optionalOneOf } from '#machinery/validation/basics.ts';
import { validateAnnotations, validateLabelSelector, validateLabels } from '#machinery/validation/labels.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { nonNegativeQuantity } from '../resource-names.ts';

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];

/** The claim that an ephemeral volume makes: labels, annotations and a spec. */
export function validateClaimTemplate(
  { metadata, spec }: PersistentVolumeClaimTemplate,
  path: FieldPath,
): FieldError[] {
  const at = path.at('metadata');
  const others = Object.entries(metadata ?? {}).filter(
    ([field, value]) => field !== 'labels' && field !== 'annotations' && value !== null && value !== '',
  );
  return [
    ...validateAnnotations(metadata?.annotations, at.at('annotations')),
    ...validateLabels(metadata?.labels, at.at('labels')),
    ...others.map(([field]) => forbidden(at.at(field), 'cannot be set for an ephemeral volume')),
    ...validateClaimSpec(spec, path.at('spec')),
  ];
}

/** Source: core/v1 API, PersistentVolumeClaimSpec. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: FieldPath): FieldError[] {
  return [
    ...accessModesOf(spec, path.at('accessModes')),
    ...validateLabelSelector(spec.selector, path.at('selector')),
    ...validateAccessModes(spec.accessModes ?? [], path.at('accessModes')),
    ...validateStorage(spec, path.at('resources').key('storage')),
    ...(spec.storageClassName
      ? invalidFor(isDnsSubdomain(spec.storageClassName, false), spec.storageClassName, path.at('storageClassName'))
      : []),
    ...optionalOneOf(spec.volumeMode, VOLUME_MODES, path.at('volumeMode')),
    ...(spec.dataSource ? validateDataSource(spec.dataSource, path.at('dataSource')) : []),
    ...(spec.dataSourceRef ? validateDataSource(spec.dataSourceRef, path.at('dataSourceRef')) : []),
    ...sameDataSource(spec, path),
    ...(spec.volumeAttributesClassName
      ? invalidFor(
          isDnsSubdomain(spec.volumeAttributesClassName, false),
          spec.volumeAttributesClassName,
          path.at('volumeAttributesClassName'),
        )
      : []),
  ];
}

function accessModesOf({ accessModes }: PersistentVolumeClaimSpec, path: FieldPath): FieldError[] {
  return (accessModes ?? []).length === 0 ? [required(path, 'at least 1 access mode is required')] : [];
}

export function validateAccessModes(modes: readonly string[], path: FieldPath): FieldError[] {
  const errors = modes
    .filter((mode) => !ACCESS_MODES.includes(mode))
    .map((mode) => notSupported(path, mode, ACCESS_MODES));
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (others && modes.includes('ReadWriteOncePod')) {
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateStorage({ resources }: PersistentVolumeClaimSpec, path: FieldPath): FieldError[] {
  const storage = resources?.requests?.['storage'];
  if (storage === undefined) return [required(path)];
  const negative = nonNegativeQuantity(storage, path);
  if (negative.length > 0 || parseQuantity(storage).nanos > 0n) return negative;
  return [invalid(path, storage, 'must be greater than zero')];
}

function validateDataSource(source: TypedObjectReference, path: FieldPath): FieldError[] {
  const errors = [...nonEmpty(source.name, path.at('name')), ...nonEmpty(source.kind, path.at('kind'))];
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
    errors.push(invalid(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (source.apiGroup) {
    errors.push(...invalidFor(isDnsSubdomain(source.apiGroup, false), source.apiGroup, path.at('apiGroup')));
  }
  return errors;
}

function sameDataSource({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, path: FieldPath): FieldError[] {
  if (!dataSource || !dataSourceRef || dataSourceRef.namespace) return [];
  const same =
    (dataSource.apiGroup ?? '') === (dataSourceRef.apiGroup ?? '') &&
    dataSource.kind === dataSourceRef.kind &&
    dataSource.name === dataSourceRef.name;
  return same ? [] : [invalid(path, path.at('dataSource').toString(), 'must match dataSourceRef')];
}
