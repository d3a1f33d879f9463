import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, tooLong } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { ConfigMap } from '#machinery/types/core-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isConfigMapKey } from '#machinery/validation/metadata.ts';

/** Bytes that all values of one ConfigMap or Secret may have together. */
export const MAX_DATA_BYTES = 1024 * 1024;

/** Settings as text or bytes under names. Source: core/v1 API. */
export const configMap = defineResource('v1', 'ConfigMap', {
  plural: 'configmaps',
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  shortNames: ['cm'],

  columns: [
    column('Data', ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length),
  ],

  validate: validateConfigMap,
  validateUpdate: (map, old) => [...validateImmutability(map, old, ['data', 'binaryData']), ...validateConfigMap(map)],
});

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    const path = FieldPath.of('data').key(key);
    errors.push(...invalidFor(isConfigMapKey(key), key, path));
    if (Object.hasOwn(binaryData, key)) errors.push(invalid(path, key, 'duplicate of key present in binaryData'));
    bytes += Buffer.byteLength(value ?? '');
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalidFor(isConfigMapKey(key), key, FieldPath.of('binaryData').key(key)));
    bytes += Buffer.byteLength(value ?? '', 'base64');
  }
  if (bytes > MAX_DATA_BYTES) errors.push({ ...tooLong(FieldPath.root, MAX_DATA_BYTES), field: '[]' });
  return errors;
}

/** Once `immutable` is true, neither it nor the data changes. */
export function validateImmutability<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return [];
  const errors: FieldError[] = [];
  if (!object.immutable) {
    errors.push(forbidden(FieldPath.of('immutable'), 'field is immutable when `immutable` is set'));
  }
  for (const field of fields) {
    if (semanticEqual(object[field] ?? {}, old[field] ?? {})) continue;
    errors.push(forbidden(FieldPath.of(field), 'field is immutable when `immutable` is set'));
  }
  return errors;
}
