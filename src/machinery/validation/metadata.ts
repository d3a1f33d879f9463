import { type FieldError, type FieldPath, forbidden, invalid, required, tooLong } from '../field-error.ts';
import { semanticEqual } from '../equality.ts';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../types/meta-v1.ts';
import { isQualifiedName, regexMessage, validateAnnotations, validateLabels } from './labels.ts';
import { isDnsLabel, type NameCheck } from './names.ts';

/** Checks of metadata that all kinds share. Source: API conventions, "Metadata"; meta/v1 ObjectMeta. */

const MAX_FIELD_MANAGER = 128;
const MAX_SUBRESOURCE = 256;
/** The only finalizers that need no domain. */
const FINALIZERS_OF_THE_SERVER: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/** Checks metadata on create. `checkName` checks name and generateName; nothing of it is mutated. */
export function validateObjectMeta(
  meta: ObjectMeta,
  namespaced: boolean,
  checkName: NameCheck,
  path: FieldPath,
): FieldError[] {
  return [
    ...validateGenerateName(meta, checkName, path),
    ...validateName(meta, checkName, path),
    ...validateNamespace(meta, namespaced, path),
    ...nonNegative(Number(meta.generation ?? 0), path.at('generation')),
    ...validateLabels(meta.labels, path.at('labels')),
    ...validateAnnotations(meta.annotations, path.at('annotations')),
    ...validateOwnerReferences(meta.ownerReferences ?? [], path.at('ownerReferences')),
    ...validateFinalizers(meta.finalizers ?? [], path.at('finalizers')),
    ...validateManagedFields(meta.managedFields ?? [], path.at('managedFields')),
  ];
}

function validateGenerateName(meta: ObjectMeta, checkName: NameCheck, path: FieldPath): FieldError[] {
  const prefix = meta.generateName ?? '';
  if (prefix === '') return [];
  return checkName(prefix, true).map((message) => invalid(path.at('generateName'), prefix, message));
}

function validateName(meta: ObjectMeta, checkName: NameCheck, path: FieldPath): FieldError[] {
  const name = meta.name ?? '';
  if (name === '') return [required(path.at('name'), 'name or generateName is required')];
  return checkName(name, false).map((message) => invalid(path.at('name'), name, message));
}

function validateNamespace(meta: ObjectMeta, namespaced: boolean, path: FieldPath): FieldError[] {
  const namespace = meta.namespace ?? '';
  const at = path.at('namespace');
  if (!namespaced) return namespace === '' ? [] : [forbidden(at, 'not allowed on this type')];
  if (namespace === '') return [required(at)];
  return isDnsLabel(namespace, false).map((message) => invalid(at, namespace, message));
}

/** Checks what an update may not change. `meta` is the new state. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const had = new Set(old.finalizers);
    const added = (meta.finalizers ?? []).filter((finalizer) => !had.has(finalizer));
    if (added.length > 0) {
      const shown = JSON.stringify([...added].sort()).replaceAll(',', ', ');
      errors.push(
        forbidden(
          path.at('finalizers'),
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown.slice(1, -1)}}`,
        ),
      );
    }
  }
  if ((meta.resourceVersion ?? '') === '') {
    errors.push(invalid(path.at('resourceVersion'), '', 'must be specified for an update'));
  }
  if (Number(meta.generation ?? 0) < Number(old.generation ?? 0)) {
    errors.push(invalid(path.at('generation'), meta.generation, 'must not be decremented'));
  }
  const fixed = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  for (const field of fixed) {
    if (!semanticEqual(meta[field] ?? '', old[field] ?? '')) {
      errors.push(invalid(path.at(field), meta[field], 'field is immutable'));
    }
  }
  return errors;
}

export function validateOwnerReferences(references: readonly OwnerReference[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const controllers: string[] = [];
  for (const reference of references) {
    errors.push(...validateOwnerReference(reference, path)); // upstream names no index here
    if (reference.controller) controllers.push(`${reference.kind}/${reference.name}`);
    if (controllers.length === 2 && reference.controller) {
      errors.push(
        invalid(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controllers.join(' and ')}`,
        ),
      );
    }
  }
  return errors;
}

function validateOwnerReference(reference: OwnerReference, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const [group, version] = splitApiVersion(reference.apiVersion);
  if (version === '') errors.push(invalid(path.at('apiVersion'), reference.apiVersion, 'version must not be empty'));
  if (reference.kind === '') errors.push(invalid(path.at('kind'), reference.kind, 'must not be empty'));
  if (reference.name === '') errors.push(invalid(path.at('name'), reference.name, 'must not be empty'));
  if (reference.uid === '') errors.push(invalid(path.at('uid'), reference.uid, 'must not be empty'));
  if (group === '' && version === 'v1' && reference.kind === 'Event') {
    errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function splitApiVersion(apiVersion: string): readonly [string, string] {
  const parts = apiVersion.split('/');
  if (parts.length === 1) return ['', parts[0] ?? ''];
  return parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : ['', ''];
}

export function validateFinalizers(finalizers: readonly string[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, finalizer] of finalizers.entries())
    errors.push(...validateFinalizerName(finalizer, path, path.index(index)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return errors;
}

/** A finalizer is a qualified name; one without a slash must be the server's own. */
export function validateFinalizerName(finalizer: string, path: FieldPath, item = path): FieldError[] {
  const errors = isQualifiedName(finalizer).map((message) => invalid(path, finalizer, message));
  if (!finalizer.includes('/') && !FINALIZERS_OF_THE_SERVER.has(finalizer)) {
    errors.push(invalid(item, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
  }
  return errors;
}

export function validateManagedFields(entries: readonly ManagedFieldsEntry[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, entry] of entries.entries()) {
    const at = path.index(index);
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      errors.push(invalid(at.at('operation'), entry.operation ?? '', 'must be `Apply` or `Update`'));
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      errors.push(invalid(at.at('fieldsType'), entry.fieldsType, 'must be `FieldsV1`'));
    }
    errors.push(...validateFieldManager(entry.manager ?? '', at.at('manager')));
    if ((entry.subresource ?? '').length > MAX_SUBRESOURCE) {
      errors.push(tooLong(at.at('subresource'), MAX_SUBRESOURCE));
    }
  }
  return errors;
}

/** A manager's name is short and printable. */
export function validateFieldManager(manager: string, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > MAX_FIELD_MANAGER) errors.push(tooLong(path, MAX_FIELD_MANAGER));
  let at = 0;
  for (const character of manager) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) {
      const code = character.codePointAt(0) ?? 0;
      const shown = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
      errors.push(invalid(path, manager, `invalid character ${shown} (at position ${at})`));
      break;
    }
    at += Buffer.byteLength(character);
  }
  return errors;
}

/** A field that may not change once set. */
export function validateImmutable(value: unknown, old: unknown, path: FieldPath): FieldError[] {
  return semanticEqual(value, old) ? [] : [invalid(path, value, 'field is immutable')];
}

/** A number that may not be negative. */
export function nonNegative(value: number | bigint, path: FieldPath): FieldError[] {
  return value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const MAX_CONFIG_KEY = 253;

/** A key of a ConfigMap's or Secret's data. */
export function isConfigMapKey(key: string): readonly string[] {
  const messages: string[] = [];
  if (key.length > MAX_CONFIG_KEY) messages.push(`must be no more than ${MAX_CONFIG_KEY} bytes`);
  if (!CONFIG_KEY.test(key)) {
    messages.push(
      regexMessage("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", '[-._a-zA-Z0-9]+', [
        'key.name',
        'KEY_NAME',
        'key-name',
      ]),
    );
  }
  if (key === '.') messages.push(`must not be '.'`);
  else if (key === '..') messages.push(`must not be '..'`);
  else if (key.startsWith('..')) messages.push(`must not start with '..'`);
  return messages;
}
