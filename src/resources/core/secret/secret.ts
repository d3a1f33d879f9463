import { type FieldError, FieldPath, invalid, required, tooLong } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Secret } from '#machinery/types/core-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isConfigMapKey } from '#machinery/validation/metadata.ts';
import { immutable } from '../../apps/workload.ts';
import { MAX_DATA_BYTES, validateImmutability } from '../config-map/config-map.ts';

/** Confidential bytes under names; encrypted in the store. Source: core/v1 API. */
export const secret = defineResource('v1', 'Secret', {
  plural: 'secrets',
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  encrypted: true,
  selectableFields: { type: ({ type }) => type ?? '' },

  columns: [column('Type', ({ type }) => type ?? ''), column('Data', ({ data }) => Object.keys(data ?? {}).length)],

  defaults(draft) {
    draft.type ||= 'Opaque';
    for (const [key, value] of Object.entries(draft.data ?? {})) if (draft.data) draft.data[key] = value ?? '';
    for (const [key, text] of Object.entries(draft.stringData ?? {})) {
      draft.data ??= {};
      draft.data[key] = Buffer.from(text).toString('base64');
    }
    delete draft.stringData;
  },

  /** The type of a secret stays; one that is sent without a type keeps it. */
  prepareForUpdate(draft, old) {
    if (!draft.type && old.type) draft.type = old.type;
  },
  validate: validateSecret,
  validateUpdate: (now, old) => [
    ...immutable(now.type, old.type, FieldPath.of('type')),
    ...validateImmutability(now, old, ['data']),
    ...validateSecret(now),
  ],
  warnings: ({ type, data }) => tlsWarnings(type, data),
});

const DATA = FieldPath.of('data');

function validateSecret({ metadata, type, data = {} }: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidFor(isConfigMapKey(key), key, DATA.key(key)));
    bytes += Buffer.byteLength(value ?? '', 'base64');
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong(DATA, MAX_DATA_BYTES));
  const missing = (keys: readonly string[]) =>
    keys.filter((key) => data[key] === undefined).map((key) => required(DATA.key(key)));
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.['kubernetes.io/service-account.name']) {
        errors.push(required(FieldPath.of('metadata', 'annotations').key('kubernetes.io/service-account.name')));
      }
      break;
    case 'Opaque':
    case '':
    case undefined:
      break;
    case 'kubernetes.io/dockercfg':
      errors.push(...validateJson(data['.dockercfg'], '.dockercfg'));
      break;
    case 'kubernetes.io/dockerconfigjson':
      errors.push(...validateJson(data['.dockerconfigjson'], '.dockerconfigjson'));
      break;
    case 'kubernetes.io/basic-auth':
      if (data['username'] === undefined && data['password'] === undefined) {
        errors.push(required(DATA.key('username')), required(DATA.key('password')));
      }
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) errors.push(required(DATA.key('ssh-privatekey')));
      break;
    case 'kubernetes.io/tls':
      errors.push(...missing(['tls.crt', 'tls.key']));
      break;
  }
  return errors;
}

function validateJson(value: string | undefined, key: string): FieldError[] {
  if (value === undefined) return [required(DATA.key(key))];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value, 'base64').toString());
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return [];
    if (parsed === null) return [];
    return [invalid(DATA.key(key), '<secret contents redacted>', 'json: cannot unmarshal into an object')];
  } catch (error) {
    return [invalid(DATA.key(key), '<secret contents redacted>', String((error as Error).message))];
  }
}

/** A certificate and a key that are no PEM are let through with a word. */
function tlsWarnings(type: string | undefined, data: Secret['data']): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const pem = (key: string) =>
    Buffer.from(data?.[key] ?? '', 'base64')
      .toString()
      .includes('-----BEGIN ');
  return pem('tls.crt') && pem('tls.key') ? [] : ['tls: failed to find any PEM data in certificate input'];
}
