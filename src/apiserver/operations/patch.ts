import { decodeObject } from '#machinery/codec/decode.ts';
import { applyJsonPatch, parseJsonPatch } from '#machinery/patch/json-patch.ts';
import { applyMergePatch } from '#machinery/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#machinery/patch/strategic-merge.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import { unsupportedMediaTypeError } from '#machinery/status.ts';
import type { Answer } from '../http/exchange.ts';
import { contentTypeOf, parseText, readBody } from '../registry/body.ts';
import { applyFields, ownFields } from '../registry/managed-fields.ts';
import type { ServedResource } from '../registry/registry.ts';
import { type Change, updateObject } from '../registry/update.ts';
import type { Exchange } from '../request/exchange.ts';
import { answerWritten } from './read.ts';
import { applyDefaults } from './write.ts';
import { type WriteParameters, writeParameters } from './write-request.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** PATCH of an object or of a subresource that shows the whole object. */
export async function patchObject(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const type = patchType(served, exchange);
  const parameters = writeParameters(exchange, served, 'PatchOptions', { apply: type === APPLY_PATCH });
  const body = await readBody(exchange.request);
  const change =
    type === APPLY_PATCH
      ? applying(served, parameters, body)
      : patching(served, parameters, patchOf(served.version.schema, type, body));
  const written = await updateObject(served, parameters.request, {
    change,
    mayCreate: type === APPLY_PATCH,
    unconditional: true,
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
}

/** Reads a patch other than apply. Throws StatusError 400. */
export function patchOf(schema: StructSchema, type: string, body: Buffer): Patch {
  if (type === JSON_PATCH) {
    const operations = parseJsonPatch(body.toString('utf8'));
    return { apply: (document) => applyJsonPatch(document, operations), duplicates: [] };
  }
  const { value: patch, duplicates } = parseText(body, false);
  return type === MERGE_PATCH
    ? { apply: (document) => applyMergePatch(document, patch), duplicates }
    : { apply: (document) => applyStrategicMergePatch(document, patch, schema), duplicates };
}

function patching(served: ServedResource, { request, fieldValidation }: WriteParameters, patch: Patch): Change {
  const { definition, apiVersion, version } = served;
  return async (current) => {
    const { object, warnings } = decodeObject(patch.apply(current), version.schema, {
      fieldValidation,
      kind: definition.kind,
      apiVersion,
      duplicates: patch.duplicates,
    });
    for (const text of warnings) request.warn(text);
    applyDefaults(served, object);
    await ownFields(served, object, current, request);
    return object;
  };
}

function applying(served: ServedResource, { request, force, fieldValidation }: WriteParameters, body: Buffer): Change {
  const parsed = parseText(body, true);
  const { definition, apiVersion, version } = served;
  const checked = decodeObject(parsed.value, version.schema, {
    fieldValidation,
    kind: definition.kind,
    apiVersion,
    duplicates: parsed.duplicates,
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
