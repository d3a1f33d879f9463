import { notFoundError } from '#machinery/status.ts';
import type { KubeObject } from '#machinery/object.ts';
import { formOf } from '../answers/form.ts';
import { answerOf, partOfObject, partsOf } from '../answers/respond.ts';
import type { CachedObject } from '../cache/cache.ts';
import { readList, readOne } from '../cache/list.ts';
import type { Answer } from '../http/exchange.ts';
import type { ServedResource, Written } from '../registry/registry.ts';
import type { Exchange } from '../request/exchange.ts';
import { parseInteger } from '../request/integer.ts';
import { queryFlag } from '../request/info.ts';
import { selectionOf } from './selection.ts';

/** GET of one object, or of a subresource that shows the whole object. */
export async function getObject(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const { storage, groupResource } = served;
  const { info, request } = exchange;
  const namespace = served.definition.namespaced ? info.namespace : '';
  const found = await readOne(storage.cache, namespace, info.name, request.query.get('resourceVersion') ?? '');
  if (!found) throw notFoundError(groupResource, info.name);
  return answerEntry(served, exchange, found);
}

/** GET of a collection. */
export async function listObjects(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const { query } = exchange.request;
  const selection = selectionOf(served, exchange);
  integer(query, 'timeoutSeconds'); // of a list it says nothing, but it must be a number
  const page = await readList(served.storage.cache, {
    ...revisionOptions(query),
    namespace: selection.namespace,
    limit: integer(query, 'limit'),
    ...(selection.name === undefined ? {} : { name: selection.name }),
    ...(selection.matches ? { matches: selection.matches } : {}),
  });
  const { form, derived } = formFor(served, exchange);
  const parts = await partsOf(served, form, page.items, derived);
  const chunks = form.list(parts, {
    resourceVersion: String(page.revision),
    ...(page.continue ? { continue: page.continue } : {}),
    ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
  });
  return answerOf(exchange, form.contentType, chunks);
}

export function revisionOptions(query: URLSearchParams) {
  return {
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    continue: query.get('continue') ?? '',
    sendInitialEvents: query.has('sendInitialEvents') ? queryFlag(query, 'sendInitialEvents') : undefined,
  };
}

/** A whole number of the query, 0 where it is absent. Throws StatusError 400. */
export function integer(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  if (text === null) return 0;
  return parseInteger(text);
}

export function formFor(served: ServedResource, exchange: Exchange) {
  const { clock, derived } = served.registry;
  return { form: formOf(served, exchange.rendering, () => clock.now()), derived };
}

async function answerEntry(
  served: ServedResource,
  exchange: Exchange,
  entry: CachedObject,
  status = 200,
): Promise<Answer> {
  const { form, derived } = formFor(served, exchange);
  const [part] = await partsOf(served, form, [entry], derived);
  return answerOf(exchange, form.contentType, form.whole(part), { status });
}

/** An object that need not be in the cache. */
export async function answerObject(
  served: ServedResource,
  exchange: Exchange,
  object: KubeObject,
  status = 200,
): Promise<Answer> {
  const { form } = formFor(served, exchange);
  return answerOf(exchange, form.contentType, form.whole(await partOfObject(served, form, object)), { status });
}

/** The answer to a write. */
export function answerWritten(served: ServedResource, exchange: Exchange, written: Written): Promise<Answer> {
  const status = written.created ? 201 : 200;
  return written.cached
    ? answerEntry(served, exchange, written.cached, status)
    : answerObject(served, exchange, written.object, status);
}
