import { draftOf, type KubeObject, type Draft } from '#machinery/object.ts';
import { badRequestError } from '#machinery/status.ts';
import type { Answer } from '../http/exchange.ts';
import { decodeBody, readObject } from '../registry/body.ts';
import { createObject } from '../registry/create.ts';
import { ownFields } from '../registry/managed-fields.ts';
import { dedupeOwners } from '../registry/metadata.ts';
import type { ServedResource } from '../registry/registry.ts';
import { requireSameIdentity, updateObject } from '../registry/update.ts';
import { isStorageVersion } from '../registry/versions.ts';
import type { Exchange } from '../request/exchange.ts';
import { answerWritten } from './read.ts';
import { type WriteParameters, writeParameters } from './write-request.ts';

/** POST to a collection. */
export async function postObject(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const parameters = writeParameters(exchange, served, 'CreateOptions');
  const draft = await sentObject(served, exchange, parameters);
  const { request } = parameters;
  requireNamespace(served, draft, request.namespace);
  requireNoRevision(draft);
  await ownFields(served, draft, undefined, request);
  return answerWritten(served, exchange, await createObject(served, draft, request));
}

/** PUT of an object or of a subresource that shows the whole object. */
export async function putObject(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const parameters = writeParameters(exchange, served, 'UpdateOptions');
  const sent = await sentObject(served, exchange, parameters);
  const { definition } = served;
  const { request } = parameters;
  requireSameIdentity(sent, served, request); // told of before a missing object
  const written = await updateObject(served, request, {
    mayCreate: definition.createOnUpdate,
    unconditional: definition.unconditionalUpdate,
    uidIsPrecondition: true,
    async change(current) {
      const draft = draftOf(sent) as Draft<KubeObject>;
      await ownFields(served, draft, current, request);
      return draft;
    },
  });
  return answerWritten(served, exchange, written);
}

/** The body, decoded in the served version, with defaults. */
async function sentObject(
  served: ServedResource,
  exchange: Exchange,
  { fieldValidation, request }: WriteParameters,
): Promise<Draft<KubeObject>> {
  const body = await readObject(exchange.request);
  if (!body)
    throw badRequestError(`the body of the request was empty: it must be an object of kind ${served.definition.kind}`);
  const { object, warnings } = decodeBody(body, expectedOf(served), fieldValidation);
  for (const text of warnings) request.warn(text);
  object.metadata ??= {};
  if (body.media === 'json') markEmptied(object, body.value);
  applyDefaults(served, object);
  dedupeOwners(object, request.warn);
  return object;
}

/** An empty list of managedFields forgets all owners; decoding alone would take it for a list that was left out. */
export function markEmptied(object: Draft<KubeObject>, sent: unknown): void {
  const { metadata } = (sent ?? {}) as { readonly metadata?: { readonly managedFields?: unknown } };
  const entries = metadata?.managedFields;
  // one empty entry says the same (see updateManagedFields)
  if (Array.isArray(entries) && entries.length === 0) object.metadata.managedFields = [{}];
}

export function expectedOf({ definition, apiVersion, version }: ServedResource) {
  return { kind: definition.kind, apiVersion, schema: version.schema };
}

/** Fills in what was left out, in the served version. */
export function applyDefaults(served: ServedResource, draft: Draft<KubeObject>): void {
  const { version, definition } = served;
  if (version.defaults) version.defaults(draft);
  else if (isStorageVersion(served) || !definition.convert) definition.strategy.defaults?.(draft);
}

function requireNoRevision({ metadata }: Draft<KubeObject>): void {
  if (metadata.resourceVersion && metadata.resourceVersion !== '0') {
    throw badRequestError('resourceVersion should not be set on objects to be created');
  }
  delete metadata.resourceVersion;
}

function requireNamespace({ definition }: ServedResource, { metadata }: Draft<KubeObject>, namespace: string): void {
  if (!definition.namespaced || !metadata.namespace || metadata.namespace === namespace) return;
  throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
}
