import { fieldManagerName } from '#machinery/apply/field-manager.ts';
import type { FieldValidation } from '#machinery/codec/decode.ts';
import { FieldPath, type FieldError, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { invalidError } from '#machinery/status.ts';
import { requireCreate } from '../layers/authorize.ts';
import type { Exchange } from '../request/exchange.ts';
import { validateDryRun } from '../registry/delete-options.ts';
import type { ServedResource, WriteRequest } from '../registry/registry.ts';

/** Options that writes share, read from the query and checked. */
export interface WriteParameters {
  readonly request: WriteRequest;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

const MODES: readonly string[] = ['Ignore', 'Warn', 'Strict'];
const MAX_MANAGER_BYTES = 128;

/** The name under which options of the verb are reported when they are wrong. */
export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** Throws StatusError 422 for options that do not exist. `apply`: the manager must be named, force is allowed. */
export function writeParameters(
  exchange: Exchange,
  { definition }: ServedResource,
  kind: OptionsKind,
  { apply = false }: { readonly apply?: boolean } = {},
): WriteParameters {
  const { request, info, user, signal } = exchange;
  const { manager, dryRun, ...options } = optionsOf(exchange, kind, apply);
  return {
    ...options,
    request: {
      namespace: definition.namespaced ? info.namespace : '',
      name: info.name,
      subresource: info.subresource,
      user,
      dryRun,
      fieldManager: fieldManagerName(manager, request.header('user-agent')),
      warn: (text) => void exchange.warnings.push(text),
      signal,
      requireCreate: () => requireCreate(exchange),
    },
  };
}

/** The options of a write in the query. Throws StatusError 422. */
export function optionsOf({ request }: Exchange, kind: OptionsKind, apply = false) {
  const { query } = request;
  const dryRun = query.getAll('dryRun');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') || 'Warn';
  const force = query.get('force');
  const errors: FieldError[] = [...validateDryRun(dryRun), ...validateManager(manager, apply)];
  if (force !== null && kind === 'PatchOptions' && !apply) {
    errors.push(forbidden(FieldPath.of('force'), 'may not be specified for non-apply patch'));
  }
  if (!MODES.includes(validation))
    errors.push(notSupported(FieldPath.of('fieldValidation'), validation, ['', ...MODES]));
  if (errors.length > 0) throw invalidError('meta.k8s.io', kind, '', errors);
  return {
    manager,
    dryRun: dryRun.length > 0,
    fieldValidation: validation as FieldValidation, // one of MODES
    force: force !== null && force !== 'false' && force !== '0',
  };
}

function validateManager(manager: string, apply: boolean): readonly FieldError[] {
  const path = FieldPath.of('fieldManager');
  if (apply && !manager) return [required(path, 'is required for apply patch')];
  if (Buffer.byteLength(manager) > MAX_MANAGER_BYTES) {
    return [
      {
        type: 'FieldValueTooLong',
        field: 'fieldManager',
        message: `Too long: may not be more than ${MAX_MANAGER_BYTES} bytes`,
      },
    ];
  }
  const bad = [...manager].findIndex(
    (character) => /[\p{C}\p{Zl}\p{Zp}]/u.test(character) || (character !== ' ' && /\p{Z}/u.test(character)),
  );
  return bad < 0 ? [] : [invalid(path, manager, 'should only contain printable characters')];
}
