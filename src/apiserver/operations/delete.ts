import { isStatus } from '#machinery/status.ts';
import { metaSchema } from '#machinery/schema/facts.ts';
import { plainForm } from '../answers/form.ts';
import { answerOf, partsOf } from '../answers/respond.ts';
import { readList } from '../cache/list.ts';
import type { Answer } from '../http/exchange.ts';
import { readObject } from '../registry/body.ts';
import { deleteObject } from '../registry/delete.ts';
import { type DeleteOptions, deleteOptions } from '../registry/delete-options.ts';
import type { ServedResource, WriteRequest } from '../registry/registry.ts';
import type { Exchange } from '../request/exchange.ts';
import { answerObject, formFor, integer, revisionOptions } from './read.ts';
import { selectionOf } from './selection.ts';

/** Deletions of one deletecollection that are under way at once. */
const DELETIONS_AT_ONCE = 16;

/** DELETE of one object. */
export async function deleteOne(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const options = deleteOptions(await readObject(exchange.request), exchange.request.query);
  warnOfDependents(served, exchange, options);
  const request = deleteRequest(served, exchange, options, exchange.info.name);
  const { object, gone } = await deleteObject(served, request, options);
  if (!gone || served.definition.returnsDeleted) {
    // asked to take dependents along in the old way: 202 says that this goes on
    const status = !gone && options.orphanDependents === false ? 202 : 200;
    return answerObject(served, exchange, object, status);
  }
  const { group, resource } = served.groupResource;
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: request.name,
      ...(group ? { group } : {}),
      kind: resource,
      ...(object.metadata.uid ? { uid: object.metadata.uid } : {}),
    },
  };
  const form = plainForm('Status', 'v1', metaSchema('Status'), { ...exchange.rendering, as: 'object' });
  return answerOf(exchange, form.contentType, form.whole(form.part(status).value));
}

/** DELETE of a collection: everything that the selectors match. */
export async function deleteCollection(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const { query } = exchange.request;
  const options = deleteOptions(await readObject(exchange.request), query);
  warnOfDependents(served, exchange, options);
  const selection = selectionOf(served, exchange);
  const page = await readList(served.storage.cache, {
    ...revisionOptions(query),
    namespace: selection.namespace,
    limit: integer(query, 'limit'),
    ...(selection.name === undefined ? {} : { name: selection.name }),
    ...(selection.matches ? { matches: selection.matches } : {}),
  });
  const { form, derived } = formFor(served, exchange);
  const parts = await partsOf(served, form, page.items, derived);
  const queue = page.items.values();
  const worker = async () => {
    for (const { namespace, name } of queue) {
      await deleteObject(served, { ...deleteRequest(served, exchange, options, name), namespace }, options).catch(
        (error: unknown) => {
          if (!isStatus(error, 'NotFound')) throw error;
        },
      );
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE }, worker));
  return answerOf(
    exchange,
    form.contentType,
    form.list(parts, {
      resourceVersion: String(page.revision),
      ...(page.continue ? { continue: page.continue } : {}),
      ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
    }),
  );
}

function warnOfDependents(
  { definition: { deletionWarning } }: ServedResource,
  { warnings }: Exchange,
  { propagationPolicy, orphanDependents }: DeleteOptions,
): void {
  if (deletionWarning && propagationPolicy === undefined && orphanDependents === undefined)
    warnings.push(deletionWarning);
}

function deleteRequest(
  { definition }: ServedResource,
  { info, user, signal, warnings }: Exchange,
  options: DeleteOptions,
  name: string,
): WriteRequest {
  return {
    namespace: definition.namespaced ? info.namespace : '',
    name,
    subresource: '',
    user,
    dryRun: (options.dryRun ?? []).length > 0,
    fieldManager: undefined,
    warn: (text) => void warnings.push(text),
    signal,
  };
}
