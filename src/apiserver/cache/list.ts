import type { KubeObject } from '#machinery/object.ts';
import { badRequestError, expiredError, isStatus, StatusError } from '#machinery/status.ts';
import type { CachedObject, ResourceCache, Snapshot, Watch, WatchRequest, WatchSink } from './cache.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { checkListOptions, parseRevision, type RevisionOptions, watchStart } from './list-options.ts';

export interface ListRequest<T extends KubeObject> extends RevisionOptions {
  /** '': all namespaces, or cluster-scoped. */
  readonly namespace: string;
  /** The field selector asks for this metadata.name. */
  readonly name?: string;
  /** 0 or less: no limit. */
  readonly limit: number;
  /** The label and field selectors; absent where there are none, since only then the rest can be counted. */
  readonly matches?: (object: T) => boolean;
}

export interface ListPage<T extends KubeObject> {
  /** metadata.resourceVersion of the list. */
  readonly revision: number;
  readonly items: readonly CachedObject<T>[];
  /** metadata.continue; '' after the last page. */
  readonly continue: string;
  /** metadata.remainingItemCount; absent after the last page and with selectors. */
  readonly remainingItemCount?: number;
}

/** Objects that are looked at before others have their turn. */
const SCAN_CHUNK = 2000;

/**
 * One page of a list. Throws StatusError: 400 for a bad token, 410 with a new token where the one sent is too old,
 * 422 for options that exclude each other, 504 for a revision that does not come.
 * Source: the table of resourceVersion semantics in the Kubernetes API concepts.
 */
export async function readList<T extends KubeObject>(
  cache: ResourceCache<T>,
  request: ListRequest<T>,
): Promise<ListPage<T>> {
  checkListOptions(request);
  const { snapshot, fromKey } = await startOf(cache, request);
  // Any revision will do: then all of it comes from memory at once, as upstream's cache answers.
  const limit = request.resourceVersion === '0' || request.limit <= 0 ? Infinity : request.limit;
  if (request.name !== undefined && (request.namespace || !isNamespaced(snapshot)))
    return namedPage(snapshot, request, request.name, fromKey);
  return scanPage(snapshot, request, fromKey, limit);
}

interface Start<T extends KubeObject> {
  readonly snapshot: Snapshot<T>;
  readonly fromKey: string;
}

async function startOf<T extends KubeObject>(cache: ResourceCache<T>, request: ListRequest<T>): Promise<Start<T>> {
  if (request.continue) return continued(cache, request);
  const { resourceVersion, resourceVersionMatch, limit } = request;
  const revision = parseRevision(resourceVersion);
  if (resourceVersion === '') await cache.freshen();
  else await cache.waitUntil(revision);
  // A limit with a revision has always meant that revision exactly.
  const exact = resourceVersionMatch === 'Exact' || (!resourceVersionMatch && revision > 0 && limit > 0);
  return { snapshot: exact ? await cache.at(revision) : cache.current(), fromKey: '' };
}

async function continued<T extends KubeObject>(cache: ResourceCache<T>, request: ListRequest<T>): Promise<Start<T>> {
  const { revision, start } = decodeContinue(request.continue);
  if (request.resourceVersion && request.resourceVersion !== '0')
    throw badRequestError('specifying resource version is not allowed when using continue');
  const fromKey = request.namespace ? `${request.namespace}/${start}` : start;
  if (revision < 0) {
    await cache.freshen();
    return { snapshot: cache.current(), fromKey };
  }
  await cache.waitUntil(revision);
  try {
    return { snapshot: await cache.at(revision), fromKey };
  } catch (error) {
    if (isStatus(error, 'Expired')) throw expiredContinueError(start);
    throw error;
  }
}

/** 410 with a token in its metadata that goes on from the same key at the newest revision. */
function expiredContinueError(start: string): StatusError {
  const { status } = expiredError(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return new StatusError({ ...status, metadata: { continue: encodeContinue({ revision: -1, start }) } });
}

function isNamespaced(snapshot: Snapshot): boolean {
  for (const { namespace } of snapshot.scan()) return namespace !== '';
  return false;
}

function namedPage<T extends KubeObject>(
  snapshot: Snapshot<T>,
  { namespace, matches }: ListRequest<T>,
  name: string,
  fromKey: string,
): ListPage<T> {
  const found = snapshot.get(namespace, name);
  const wanted = found && found.key >= fromKey && (!matches || matches(found.object()));
  return { revision: snapshot.revision, items: wanted ? [found] : [], continue: '' };
}

async function scanPage<T extends KubeObject>(
  snapshot: Snapshot<T>,
  request: ListRequest<T>,
  fromKey: string,
  limit: number,
): Promise<ListPage<T>> {
  const { namespace, name, matches } = request;
  const { revision } = snapshot;
  const items: CachedObject<T>[] = [];
  let looked = 0;
  for (const entry of snapshot.scan({ namespace, fromKey })) {
    const last = items.at(-1);
    if (last && items.length >= limit) return { revision, items, ...rest(snapshot, request, last.key) };
    if (matches && ++looked % SCAN_CHUNK === 0) await new Promise(setImmediate);
    if (name !== undefined && entry.name !== name) continue;
    if (!matches || matches(entry.object())) items.push(entry);
  }
  return { revision, items, continue: '' };
}

function rest<T extends KubeObject>(snapshot: Snapshot<T>, request: ListRequest<T>, lastKey: string) {
  const { namespace, name, matches } = request;
  const start = `${namespace ? lastKey.slice(namespace.length + 1) : lastKey}\0`;
  const token = encodeContinue({ revision: snapshot.revision, start });
  if (matches || name !== undefined) return { continue: token };
  return { continue: token, remainingItemCount: snapshot.count({ namespace, afterKey: lastKey }) };
}

/** One object, not older than `resourceVersion` ('': the newest; '0': what is here). Undefined where it does not exist. */
export async function readOne<T extends KubeObject>(
  cache: ResourceCache<T>,
  namespace: string,
  name: string,
  resourceVersion: string,
): Promise<CachedObject<T> | undefined> {
  const revision = parseRevision(resourceVersion);
  if (resourceVersion === '') await cache.freshen();
  else await cache.waitUntil(revision);
  return cache.get(namespace, name);
}

/** Begins a watch as its options say. Throws StatusError before anything is sent, or tells the sink afterwards. */
export async function startWatch<T extends KubeObject>(
  cache: ResourceCache<T>,
  options: RevisionOptions,
  request: Omit<WatchRequest<T>, 'from' | 'initialEventsEnd'>,
  sink: WatchSink<T>,
): Promise<Watch> {
  const { state, revision, consistent } = watchStart(options);
  if (state) {
    if (consistent) await cache.freshen();
    else await cache.waitUntil(revision);
    return cache.watch({ ...request, from: 'state', initialEventsEnd: request.bookmarks }, sink);
  }
  return cache.watch({ ...request, from: revision > 0 ? revision : 'now' }, sink);
}
