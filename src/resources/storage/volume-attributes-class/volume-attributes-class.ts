import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, required } from '#machinery/field-error.ts';
import { ageColumn, column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { VolumeAttributesClass } from '#machinery/types/storage-v1.ts';
import { validateDriverName, validateParameters } from '../parameters.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const PARAMETERS = FieldPath.of('parameters');
const DRIVER = FieldPath.of('driverName');

/** Attributes that a volume can be given and that can change. Source: storage.k8s.io/v1 API, KEP-3751. */
export const volumeAttributesClass = defineResource('storage.k8s.io/v1', 'VolumeAttributesClass', {
  plural: 'volumeattributesclasses',
  scope: 'cluster',
  shortNames: ['vac'],
  returnsDeleted: true,
  otherVersions: { v1beta1: {} },
  allColumns: [
    column(
      'Name',
      ({ metadata }) =>
        metadata.annotations?.[DEFAULT_CLASS] === 'true' ? `${metadata.name} (default)` : (metadata.name ?? ''),
      { format: 'name' },
    ),
    column('DriverName', ({ driverName }) => driverName),
    ageColumn,
  ],

  validate: (each) => [...validateDriverName(each.driverName, DRIVER), ...validateGiven(each)],
  validateUpdate: (each, old) => [
    ...validateGiven(each),
    ...(each.driverName === old.driverName ? [] : [forbidden(DRIVER, 'updates to driverName are forbidden.')]),
    ...(semanticEqual(each.parameters, old.parameters)
      ? []
      : [forbidden(PARAMETERS, 'updates to parameters are forbidden.')]),
  ],
});

function validateGiven({ parameters }: VolumeAttributesClass): FieldError[] {
  if (Object.keys(parameters ?? {}).length === 0) {
    return [required(PARAMETERS, 'must contain at least one key/value pair')];
  }
  return validateParameters(parameters, PARAMETERS);
}
