import type { Draft, KubeObject } from '#machinery/object.ts';
import { metaSchema } from '#machinery/schema/facts.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import { badRequestError } from '#machinery/status.ts';
import type { AdmissionRequest } from '../admission/admission.ts';
import { metadataForm, plainForm } from '../answers/form.ts';
import { answerOf } from '../answers/respond.ts';
import type { Answer } from '../http/exchange.ts';
import { decodeBody, readObject } from '../registry/body.ts';
import type { BodyKind, HandlerContext, SubresourceHandler, VirtualResource } from '../registry/handlers.ts';
import {
  admissionRequest,
  admit,
  admitValidating,
  type RegistryParts,
  type ServedResource,
} from '../registry/registry.ts';
import { apiVersionOf } from '../registry/versions.ts';
import type { Exchange } from '../request/exchange.ts';
import { handlerContext } from './handler-context.ts';
import { optionsOf } from './write-request.ts';

/** POST of a review. */
export async function postVirtual(virtual: VirtualResource, exchange: Exchange): Promise<Answer> {
  const { registry } = exchange.server;
  const body: BodyKind = virtual;
  const context = handlerContext(registry, exchange, virtual.namespaced ? exchange.info.namespace : '');
  const object = await sentBody([body], exchange, context);
  if (virtual.namespaced) requireNamespace(object, context.namespace);
  const admission = virtualAdmission(virtual, object, context);
  await admitBoth(registry, admission);
  const answer = await virtual.create?.(object, context);
  return answerPlain(exchange, body, answer ?? object, 201);
}

export async function getVirtual(virtual: VirtualResource, exchange: Exchange): Promise<Answer> {
  const context = handlerContext(exchange.server.registry, exchange, '');
  return answerPlain(exchange, virtual, (await virtual.get?.(context)) ?? {}, 200);
}

export async function listVirtual(virtual: VirtualResource, exchange: Exchange): Promise<Answer> {
  const context = handlerContext(exchange.server.registry, exchange, '');
  const items = (await virtual.list?.(context)) ?? [];
  const form = formOfBody(exchange, virtual);
  const parts = items.map((item) => form.part(item as KubeObject).value); // decoded by the handler's own schema
  return answerOf(exchange, form.contentType, form.list(parts, { resourceVersion: '' }));
}

/** POST to a subresource with a body of its own: a token, a binding, an eviction. */
export async function postSubresource(
  served: ServedResource,
  handler: SubresourceHandler,
  exchange: Exchange,
): Promise<Answer> {
  const { registry, definition } = served;
  const context = handlerContext(registry, exchange, definition.namespaced ? exchange.info.namespace : '');
  const object = await sentBody([handler.body, ...(handler.otherBodies ?? [])], exchange, context);
  if (definition.namespaced) requireNamespace(object, context.namespace);
  const { subresource } = handler;
  const request = { ...context, subresource, fieldManager: undefined };
  const admission = {
    ...admissionRequest(served, request, 'CREATE', { object, oldObject: undefined }),
    kind: handler.body.kind,
  };
  await admitBoth(registry, admission);
  const answer = await handler.create?.(object, context);
  return answerPlain(exchange, handler.body, answer ?? object, 201);
}

async function sentBody(
  [body, ...others]: readonly [BodyKind, ...BodyKind[]],
  exchange: Exchange,
  context: HandlerContext,
): Promise<Draft<KubeObject>> {
  const { fieldValidation } = optionsOf(exchange, 'CreateOptions');
  const parsed = await readObject(exchange.request);
  if (!parsed) throw badRequestError(`the body of the request was empty: it must be an object of kind ${body.kind}`);
  const expected = { ...expectedOf(body), others: others.map(expectedOf) };
  const { object, warnings } = decodeBody(parsed, expected, fieldValidation);
  for (const text of warnings) context.warn(text);
  object.metadata ??= {};
  return object;
}

function expectedOf({ group, version, kind, schema }: BodyKind) {
  return { kind, apiVersion: apiVersionOf(group, version), schema };
}

function requireNamespace({ metadata }: Draft<KubeObject>, namespace: string): void {
  if (!metadata.namespace) metadata.namespace = namespace;
  if (metadata.namespace !== namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function virtualAdmission(
  { group, version, plural, kind }: VirtualResource,
  object: Draft<KubeObject>,
  { namespace, user, dryRun, warn }: HandlerContext,
): AdmissionRequest {
  return {
    operation: 'CREATE',
    group,
    version,
    resource: plural,
    subresource: '',
    kind,
    namespace,
    name: object.metadata.name ?? '',
    user,
    dryRun,
    object,
    oldObject: undefined,
    options: undefined,
    warn,
  };
}

async function admitBoth(registry: RegistryParts, admission: AdmissionRequest): Promise<void> {
  await admit(registry, admission);
  await admitValidating(registry, admission);
}

function answerPlain(exchange: Exchange, body: BodyKind, answer: object, status: number): Promise<Answer> {
  const { kind } = answer as Partial<KubeObject>;
  const shown = kind === 'Status' ? { group: '', version: 'v1', kind, schema: metaSchema('Status') } : body;
  const form = formOfBody(exchange, shown);
  const chunks = form.whole(form.part(answer as KubeObject).value); // made by the handler in that kind
  return answerOf(exchange, form.contentType, chunks, { status });
}

function formOfBody(
  { rendering }: Exchange,
  { group, version, kind, schema }: { group: string; version: string; kind: string; schema: StructSchema },
) {
  if (rendering.as === 'PartialObjectMetadata') return metadataForm(rendering);
  return plainForm(kind, apiVersionOf(group, version), schema, rendering);
}
