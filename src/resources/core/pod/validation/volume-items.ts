import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { DownwardAPIVolumeFile, KeyToPath } from '#machinery/types/core-v1.ts';
import { eachItem, nonEmpty } from '#machinery/validation/basics.ts';
import { validateFieldRef, validateResourceFieldRef } from './env.ts';
import { validateNonReservedPath } from './paths.ts';

/** The files of volumes that are made from what the API holds. */

export function fileMode(mode: number | undefined, path: FieldPath): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}

export function validateItems(items: readonly KeyToPath[] | undefined, path: FieldPath): FieldError[] {
  return eachItem(items, path, (item, at) => [
    ...nonEmpty(item.key, at.at('key')),
    ...nonEmpty(item.path, at.at('path')),
    ...validateNonReservedPath(item.path ?? '', at.at('path')),
    ...fileMode(item.mode, at.at('mode')),
  ]);
}

const DOWNWARD_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Upstream names no list in the paths of these: they stand at the source itself. */
export function validateDownwardItems(
  items: readonly DownwardAPIVolumeFile[] | undefined,
  path: FieldPath,
): FieldError[] {
  return (items ?? []).flatMap((item) => {
    const errors = [
      ...nonEmpty(item.path, path.at('path')),
      ...validateNonReservedPath(item.path ?? '', path.at('path')),
    ];
    if (item.fieldRef) {
      errors.push(...validateFieldRef(item.fieldRef, DOWNWARD_FIELDS, path.at('fieldRef')));
      if (item.resourceFieldRef) {
        errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (item.resourceFieldRef) {
      errors.push(...validateResourceFieldRef(item.resourceFieldRef, path.at('resourceFieldRef'), true));
    } else {
      errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
    }
    return [...errors, ...fileMode(item.mode, path.at('mode'))];
  });
}
