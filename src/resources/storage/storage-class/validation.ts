import { semanticEqual } from '#machinery/equality.ts';
import { duplicate, type FieldError, FieldPath, notSupported, required } from '#machinery/field-error.ts';
import type { TopologySelectorLabelRequirement, TopologySelectorTerm } from '#machinery/types/core-v1.ts';
import type { StorageClass } from '#machinery/types/storage-v1.ts';
import { eachItem, optionalOneOf } from '#machinery/validation/basics.ts';
import { validateLabelName } from '#machinery/validation/labels.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { validateDriverName, validateParameters } from '../parameters.ts';

const RECLAIM_POLICIES = ['Delete', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

export function validateStorageClass(storageClass: StorageClass): FieldError[] {
  const mode = storageClass.volumeBindingMode;
  const modePath = FieldPath.of('volumeBindingMode');
  return [
    ...validateDriverName(storageClass.provisioner, FieldPath.of('provisioner')),
    ...validateParameters(storageClass.parameters, FieldPath.of('parameters')),
    ...optionalOneOf(storageClass.reclaimPolicy, RECLAIM_POLICIES, FieldPath.of('reclaimPolicy')),
    ...(mode === undefined ? [required(modePath)] : []),
    ...(mode === undefined || BINDING_MODES.includes(mode) ? [] : [notSupported(modePath, mode, BINDING_MODES)]),
    ...validateTopologies(storageClass.allowedTopologies ?? [], FieldPath.of('allowedTopologies')),
  ];
}

export function validateStorageClassUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  const fixed = (['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const).flatMap((field) =>
    validateImmutable(storageClass[field], old[field], FieldPath.of(field)),
  );
  return [...validateTopologies(storageClass.allowedTopologies ?? [], FieldPath.of('allowedTopologies')), ...fixed];
}

function validateTopologies(terms: readonly TopologySelectorTerm[], path: FieldPath): FieldError[] {
  const seen: unknown[] = [];
  return eachItem(terms, path, (term, at) => {
    const errors = validateTerm(term, at.at('matchLabelExpressions'));
    const set = valuesByKey(term);
    if (seen.some((other) => semanticEqual(other, set))) errors.push(duplicate(at.at('matchLabelExpressions'), ''));
    seen.push(set);
    return errors;
  });
}

function valuesByKey({ matchLabelExpressions }: TopologySelectorTerm): Record<string, readonly string[]> {
  return Object.fromEntries((matchLabelExpressions ?? []).map(({ key, values }) => [key, [...new Set(values)].sort()]));
}

function validateTerm({ matchLabelExpressions }: TopologySelectorTerm, path: FieldPath): FieldError[] {
  const keys = new Set<string>();
  return eachItem(matchLabelExpressions, path, (requirement, at) => {
    const errors = validateRequirement(requirement, at);
    if (keys.has(requirement.key)) errors.push(duplicate(at.at('key'), requirement.key));
    keys.add(requirement.key);
    return errors;
  });
}

function validateRequirement({ key, values }: TopologySelectorLabelRequirement, path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  const at = path.at('values');
  const errors: FieldError[] = (values ?? []).length === 0 ? [required(at)] : [];
  for (const [index, value] of (values ?? []).entries()) {
    if (seen.has(value)) errors.push(duplicate(at.index(index), value));
    seen.add(value);
  }
  return [...errors, ...validateLabelName(key ?? '', path.at('key'))];
}
