import { type Clock, systemClock } from '#base/clock.ts';
import { deepFreeze, type KubeList, type KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { failure, StatusError } from '#machinery/status.ts';
import type { Status } from '#machinery/types/meta-v1.ts';
import { readBody, readLines } from './body.ts';
import type {
  Client,
  DeleteOptions,
  PatchType,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
  WatchOptions,
} from './client.ts';
import { decodeJson, encodeJson } from './json.ts';
import { collectionPath, groupVersionPath, listQuery, objectPath, watchQuery, withQuery, writeQuery } from './paths.ts';

export interface ClientOptions {
  readonly userAgent?: string;
  /** For waiting where the server says `Retry-After`. Default: real time. */
  readonly clock?: Clock;
  /** Asks for PartialObjectMetadata instead of whole objects, for readers of metadata only. */
  readonly metadataOnly?: boolean;
}

/** How often a request is repeated that the server refused with `Retry-After` (429, 503). */
const MAX_RETRIES = 10;

const PATCH_CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A client over `transport`; see `Client` for what it promises. */
export function createClient(transport: Transport, options: ClientOptions = {}): Client {
  const { call, watch } = createCaller(transport, options);
  return {
    transport,
    watch,
    get: (resource, name, namespace) => call('GET', objectPath(resource, name, namespace)),
    async list<T extends KubeObject>(resource: ResourceRef<T>, list: Parameters<Client['list']>[1] = {}) {
      const path = withQuery(collectionPath(resource, list.namespace), listQuery(list));
      const answer = await call<KubeList<T>>('GET', path, { as: 'PartialObjectMetadataList', signal: list.signal });
      return answer.items ? withKinds(answer, resource, options.metadataOnly ?? false) : { ...answer, items: [] };
    },
    create(resource, object, write = {}) {
      const namespace = object.metadata?.namespace;
      const path = collectionPath(resource, resource.namespaced ? (namespace ?? 'default') : undefined);
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      return call('POST', withQuery(path, writeQuery(write)), { body, signal: write.signal });
    },
    update(resource, object, write = {}) {
      const path = objectPath(resource, object.metadata.name ?? '', object.metadata.namespace);
      return call('PUT', withQuery(path, writeQuery(write)), { body: object, signal: write.signal });
    },
    updateStatus(resource, object, write = {}) {
      const path = objectPath(resource, object.metadata.name ?? '', object.metadata.namespace, 'status');
      return call('PUT', withQuery(path, writeQuery(write)), { body: object, signal: write.signal });
    },
    patch(resource, { name, namespace, type, body }, write = {}) {
      const path = objectPath(resource, name, namespace, write.subresource);
      const contentType = PATCH_CONTENT_TYPES[type];
      return call('PATCH', withQuery(path, writeQuery(write)), { body, contentType, signal: write.signal });
    },
    async delete(resource, name, namespace, remove = {}) {
      const path = objectPath(resource, name, namespace);
      await call('DELETE', path, { body: deleteBody(remove), signal: remove.signal });
    },
    post(path, body, write = {}) {
      return call('POST', withQuery(path, writeQuery(write)), { body, signal: write.signal });
    },
  };
}

/** Sends requests and understands answers; the methods of a client only say which. */
function createCaller(transport: Transport, options: ClientOptions) {
  const { userAgent = 'dhow', clock = systemClock, metadataOnly = false } = options;
  const accept = (as: string) => (metadataOnly ? `application/json;as=${as};g=meta.k8s.io;v=v1` : 'application/json');

  /** Sends and waits out the server's `Retry-After`; throws StatusError for an error. */
  async function send(request: TransportRequest): Promise<TransportResponse> {
    for (let retries = 0; ; retries++) {
      const response = await transport.request(request);
      if (response.status < 400) return response;
      const body = await readBody(response);
      const waitMs = retryAfterMs(response);
      if (waitMs === undefined || retries >= MAX_RETRIES) throw errorOf(response.status, body);
      await clock.sleep(waitMs, request.signal);
    }
  }

  async function call<Answer>(
    method: TransportRequest['method'],
    path: string,
    { body, contentType = 'application/json', signal, as = 'PartialObjectMetadata' }: CallOptions = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = { accept: accept(as), 'user-agent': userAgent };
    if (body !== undefined) headers['content-type'] = contentType;
    const response = await send({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: encodeJson(body) }),
      ...(signal ? { signal } : {}),
    });
    return deepFreeze(decodeJson(await readBody(response))) as Answer;
  }

  async function* watch<T extends KubeObject>(
    resource: ResourceRef<T>,
    watchOptions: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const response = await send({
      method: 'GET',
      path: withQuery(collectionPath(resource, watchOptions.namespace), watchQuery(watchOptions)),
      headers: { accept: accept('PartialObjectMetadata'), 'user-agent': userAgent },
      ...(watchOptions.signal ? { signal: watchOptions.signal } : {}),
    });
    for await (const lines of readLines(response.body)) {
      for (const line of lines) yield deepFreeze(decodeJson(line)) as WatchEvent<T>;
    }
  }

  return { call, watch };
}

interface CallOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  readonly as?: string;
}

/** All objects of a collection, read in pages at one revision. Throws StatusError (Expired) where it takes too long. */
export async function listAll<T extends KubeObject>(
  client: Client,
  resource: ResourceRef<T>,
  options: Parameters<Client['list']>[1] = {},
): Promise<KubeList<T>> {
  const first = await client.list(resource, { limit: PAGE_SIZE, ...options });
  const items = [...first.items];
  let next = first.metadata.continue;
  while (next) {
    const { resourceVersion: _, resourceVersionMatch: __, ...rest } = options;
    const page = await client.list(resource, { limit: PAGE_SIZE, ...rest, continue: next });
    items.push(...page.items);
    next = page.metadata.continue;
  }
  return { ...first, items };
}

/** Deletes all objects of a collection that the selectors select. Throws StatusError. */
export async function deleteCollection(
  client: Client,
  resource: ResourceRef,
  namespace: string | undefined,
  options: DeleteOptions & { readonly labelSelector?: string; readonly fieldSelector?: string } = {},
): Promise<void> {
  const { labelSelector, fieldSelector, signal, ...remove } = options;
  const response = await client.transport.request({
    method: 'DELETE',
    path: withQuery(
      collectionPath(resource, namespace),
      listQuery({ ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) }),
    ),
    headers: { accept: 'application/json', 'content-type': 'application/json', 'user-agent': 'dhow' },
    body: encodeJson(deleteBody(remove)),
    ...(signal ? { signal } : {}),
  });
  const body = await readBody(response);
  if (response.status >= 400) throw errorOf(response.status, body);
}

/** Objects a page, as upstream's clients ask for. */
const PAGE_SIZE = 500;

/** The error that an answer stands for; one without a Status (a proxy's) gets the reason of its code. */
export function errorOf(code: number, body: Uint8Array): StatusError {
  try {
    const status = decodeJson(body) as Status;
    if (status?.kind === 'Status') return new StatusError(status);
  } catch {
    // Not JSON: below, the text itself is the message.
  }
  const text = new TextDecoder().decode(body.subarray(0, 1024)).trim();
  return failure(code, REASONS[code] ?? 'Unknown', text || `the server answered with status ${code}`);
}

const REASONS: Readonly<Record<number, StatusError['reason']>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function retryAfterMs(response: TransportResponse): number | undefined {
  if (response.status !== 429 && response.status < 500) return undefined;
  const seconds = Number.parseInt(response.headers['retry-after'] ?? '', 10);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds) * 1000;
}

function apiVersionOf(resource: ResourceRef): string {
  return groupVersionPath(resource).replace(/^\/apis?\//, '');
}

/** List items carry no kind and apiVersion on the wire; whoever reads them wants both. */
function withKinds<T extends KubeObject>(
  list: KubeList<T>,
  resource: ResourceRef<T>,
  metadataOnly: boolean,
): KubeList<T> {
  const apiVersion = metadataOnly ? 'meta.k8s.io/v1' : apiVersionOf(resource);
  const kind = metadataOnly ? 'PartialObjectMetadata' : resource.kind;
  const items = list.items.map((item) => (item.kind ? item : Object.freeze({ ...item, apiVersion, kind })));
  return { ...list, items };
}

function deleteBody(options: DeleteOptions): unknown {
  const { gracePeriodSeconds, propagationPolicy, uid, resourceVersion } = options;
  const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy ? { propagationPolicy } : {}),
    ...(uid || resourceVersion ? { preconditions } : {}),
  };
}
