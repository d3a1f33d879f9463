import { FieldPath, type FieldError, invalid, notSupported } from '#machinery/field-error.ts';
import { metaSchema } from '#machinery/schema/facts.ts';
import { invalidError } from '#machinery/status.ts';
import { parseInteger } from '../request/integer.ts';
import { queryFlag } from '../request/info.ts';
import { decodeBody, type ParsedBody } from './body.ts';

/** How to delete. Source: meta/v1 DeleteOptions. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly dryRun?: readonly string[];
}

const POLICIES = ['Orphan', 'Background', 'Foreground'];

/** Options from the body where there is one, else from the query. Throws StatusError. */
export function deleteOptions(body: ParsedBody | undefined, query: URLSearchParams): DeleteOptions {
  return checkedDeleteOptions(body ? optionsOfBody(body) : optionsOfQuery(query));
}

/** The same options. Throws StatusError 422 where they are not valid. */
export function checkedDeleteOptions(options: DeleteOptions): DeleteOptions {
  const errors = validate(options);
  if (errors.length > 0) throw invalidError('meta.k8s.io', 'DeleteOptions', '', errors);
  return options;
}

function optionsOfBody(body: ParsedBody): DeleteOptions {
  const expected = { kind: 'DeleteOptions', apiVersion: 'v1', schema: metaSchema('DeleteOptions') };
  // every group knows DeleteOptions under its own version as well, and so may bodies name it
  const named = body.kind === 'DeleteOptions' ? { ...body, apiVersion: 'v1' } : body;
  const { object } = decodeBody(named, expected, 'Ignore');
  return object as unknown as DeleteOptions; // just decoded by that schema
}

function optionsOfQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const dryRun = query.getAll('dryRun');
  const [uid, resourceVersion] = [query.get('uid'), query.get('resourceVersion')];
  const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: parseInteger(grace) }),
    ...(policy ? { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> } : {}), // validated next
    ...(query.has('orphanDependents') ? { orphanDependents: queryFlag(query, 'orphanDependents') } : {}),
    ...(dryRun.length > 0 ? { dryRun } : {}),
    ...(uid || resourceVersion ? { preconditions } : {}),
  };
}

function validate({ propagationPolicy, orphanDependents, dryRun }: DeleteOptions): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(invalid(FieldPath.of('propagationPolicy'), propagationPolicy, detail));
  }
  if (propagationPolicy !== undefined && !POLICIES.includes(propagationPolicy)) {
    errors.push(notSupported(FieldPath.of('propagationPolicy'), propagationPolicy, [...POLICIES, 'nil']));
  }
  return [...errors, ...validateDryRun(dryRun)];
}

/** `All` is the only mode of dry run. */
export function validateDryRun(modes: readonly string[] = []): readonly FieldError[] {
  const bad = modes.filter((mode) => mode !== 'All');
  return bad.length > 0 ? [notSupported(FieldPath.of('dryRun'), modes, ['All'])] : [];
}
