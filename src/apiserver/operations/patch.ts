import { type DecodeOptions, decodeObject, type FieldValidation, showRepeated } from '#machinery/codec/decode.ts';
import { parseJson, stringifyJson } from '#machinery/codec/json.ts';
import { FieldPath, invalid } from '#machinery/field-error.ts';
import { applyJsonPatch, MAX_PATCH_DEPTH, parseJsonPatch } from '#machinery/patch/json-patch.ts';
import { applyMergePatch } from '#machinery/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#machinery/patch/strategic-merge.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import { badRequestError, invalidError, isStatus, unsupportedMediaTypeError } from '#machinery/status.ts';
import type { Answer } from '../http/exchange.ts';
import { contentTypeOf, parseText, readBody, type TextBody } from '../registry/body.ts';
import { applyFields, ownFields } from '../registry/managed-fields.ts';
import type { ServedResource } from '../registry/registry.ts';
import { type Change, updateObject } from '../registry/update.ts';
import type { Exchange } from '../request/exchange.ts';
import { answerWritten } from './read.ts';
import { applyDefaults, markEmptied } from './write.ts';
import { type WriteParameters, writeParameters } from './write-request.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** Characters of a patched document that an error quotes. */
const MAX_SHOWN_DOCUMENT = 1024;

/** PATCH of an object or of a subresource that shows the whole object. */
export async function patchObject(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const type = patchType(served, exchange);
  const parameters = writeParameters(exchange, served, 'PatchOptions', { apply: type === APPLY_PATCH });
  const body = await readBody(exchange.request);
  const change =
    type === APPLY_PATCH
      ? applying(served, parameters, body)
      : patching(served, parameters, () => patchOf(served.version.schema, type, body));
  const written = await updateObject(served, parameters.request, {
    change,
    mayCreate: type === APPLY_PATCH,
    unconditional: true,
    uidIsPrecondition: false,
  });
  return answerWritten(served, exchange, written);
}

/** The media types of patches that a resource takes: custom resources have no strategic merge. */
export function patchType({ version }: Pick<ServedResource, 'version'>, exchange: Exchange): string {
  const typed = version.schema.name !== '';
  const taken = [JSON_PATCH, MERGE_PATCH, ...(typed ? [STRATEGIC_PATCH] : []), APPLY_PATCH];
  const type = contentTypeOf(exchange.request);
  if (!taken.includes(type)) throw unsupportedMediaTypeError(taken);
  return type;
}

/** Makes a new document of the current one. */
export interface Patch {
  readonly apply: (document: unknown) => unknown;
  /** Paths of keys that the patch itself repeats. */
  readonly duplicates: readonly string[];
  /** What else is wrong with a patch that is strictly read. */
  readonly problems: readonly string[];
}

const OPERATION_MEMBERS = new Set(['op', 'path', 'from', 'value']);

function patchProblems(operations: unknown, body: Buffer): readonly string[] {
  if (!Array.isArray(operations)) return [];
  const repeated = parseJson(body).duplicates.map((path) => `json patch duplicate field "${path}"`);
  const extra = operations.flatMap((operation: unknown, index) =>
    Object.keys(operation ?? {})
      .filter((name) => !OPERATION_MEMBERS.has(name))
      .map((name) => `json patch unknown field "[${index}].${name}"`),
  );
  return [...repeated, ...extra];
}

/** Reads a patch other than apply. Throws StatusError 400. */
export function patchOf(schema: StructSchema, type: string, body: Buffer): Patch {
  if (type === JSON_PATCH) {
    const operations = parseJsonPatch(body.toString('utf8'));
    return {
      apply: (document) => applyJsonPatch(document, operations),
      duplicates: [],
      problems: patchProblems(operations, body),
    };
  }
  const { value: patch, duplicates } = parseText(body, false, MAX_PATCH_DEPTH);
  if (type === MERGE_PATCH) return { apply: (document) => applyMergePatch(document, patch), duplicates, problems: [] };
  return { apply: (document) => mergeStrategically(document, patch, schema), duplicates, problems: [] };
}

/** A strategic merge works on the fields of the kind: that it names another kind has no effect. */
function mergeStrategically(document: unknown, patch: unknown, schema: StructSchema): unknown {
  const { kind, apiVersion } = (document ?? {}) as TypeMeta;
  const merged = applyStrategicMergePatch(document, patch, schema);
  return { ...(merged as object), kind, apiVersion }; // a merge makes an object
}

function patching(served: ServedResource, { request, fieldValidation }: WriteParameters, read: () => Patch): Change {
  const { definition, apiVersion, version } = served;
  let patch: Patch | undefined;
  return async (current) => {
    patch ??= read(); // a missing object is told of before a bad patch
    const object = decodePatched(patch, current, version.schema, {
      fieldValidation,
      kind: definition.kind,
      apiVersion,
      warn: request.warn,
    });
    applyDefaults(served, object);
    await ownFields(served, object, current, request);
    return object;
  };
}

interface PatchedOptions extends Pick<DecodeOptions, 'fieldValidation' | 'kind' | 'apiVersion'> {
  readonly warn: (text: string) => void;
}

/** What a patch makes of a document, decoded. Throws StatusError 422 where that is not an object of the kind. */
export function decodePatched(
  patch: Patch,
  document: unknown,
  schema: StructSchema,
  options: PatchedOptions,
): Draft<KubeObject> {
  const patched = patch.apply(document);
  const { fieldValidation, warn } = options;
  const problems = [...patch.problems, ...withoutVersion(patched)];
  try {
    requireKind(patched, options);
    if (fieldValidation === 'Strict' && problems.length > 0) {
      throw badRequestError(`strict decoding error: ${problems.join(', ')}`);
    }
    const { object, warnings } = decodeObject(patched, schema, { ...options, duplicates: patch.duplicates });
    if (fieldValidation === 'Warn') for (const text of [...problems, ...warnings]) warn(text);
    if (!(patched as TypeMeta).apiVersion) object.metadata = {};
    markEmptied(object, patched);
    return object;
  } catch (error) {
    if (!isStatus(error, 'BadRequest')) throw error;
    throw invalidError('', '', '', [invalid(FieldPath.of('patch'), showPatched(patched), error.message)]);
  }
}

interface TypeMeta {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
}

/** A document that loses its apiVersion is read as upstream's inner form, whose members no JSON has. */
function withoutVersion(patched: unknown): readonly string[] {
  if (typeof patched !== 'object' || patched === null || (patched as TypeMeta).apiVersion) return [];
  const members = Object.keys(patched).filter((name) => name !== 'kind' && name !== 'apiVersion');
  return members.map((name) => `unknown field ${JSON.stringify(name)}`);
}

/** A patch cannot make another kind of an object. */
function requireKind(patched: unknown, { kind, apiVersion }: { readonly kind: string; readonly apiVersion: string }) {
  if (typeof patched !== 'object' || patched === null) return;
  const found = patched as TypeMeta;
  if ((found.kind ?? kind) === kind && (found.apiVersion ?? apiVersion) === apiVersion) return;
  throw badRequestError(
    `${String(found.apiVersion)}, Kind=${String(found.kind)} cannot be handled as a ${kind} in ${apiVersion}`,
  );
}

/** Upstream quotes the whole document; its beginning says as much. */
function showPatched(patched: unknown): string {
  return stringifyJson(patched).slice(0, MAX_SHOWN_DOCUMENT);
}

function applying(served: ServedResource, { request, force, fieldValidation }: WriteParameters, body: Buffer): Change {
  const parsed = parseApplied(body, fieldValidation);
  const { definition, apiVersion, version } = served;
  const checked = decodeObject(parsed.value, version.schema, {
    fieldValidation,
    kind: definition.kind,
    apiVersion,
    repeated: parsed.repeated,
    floats: parsed.floats,
  });
  for (const text of checked.warnings) request.warn(text);
  return async (current) => {
    const merged = await applyFields(served, parsed.value, current, { request, force });
    const { object } = decodeObject(merged, version.schema, {
      fieldValidation: 'Ignore',
      kind: definition.kind,
      apiVersion,
    });
    applyDefaults(served, object);
    return object;
  };
}

/** Reads an applied configuration. Throws StatusError 400; repeated keys are an error only where reading is strict. */
export function parseApplied(body: Buffer, fieldValidation: FieldValidation): TextBody {
  const parsed = parseText(body, true);
  if (fieldValidation !== 'Strict' || parsed.repeated.length === 0) return parsed;
  throw badRequestError(`error strict decoding YAML: ${showRepeated(parsed.repeated)}`);
}
