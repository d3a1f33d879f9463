import { builtinResources } from '#machinery/schema/facts.ts';
import { failure, pathNotFoundError, type StatusError } from '#machinery/status.ts';
import type { Answer } from '../http/exchange.ts';
import type { MediaType, Shape } from '../negotiation/accept.ts';
import { connect } from './connect.ts';
import { deleteCollection, deleteOne } from './delete.ts';
import { patchObject } from './patch.ts';
import { getObject, listObjects } from './read.ts';
import { getScale, patchScale, putScale } from './scale.ts';
import { getVirtual, listVirtual, postSubresource, postVirtual } from './virtual.ts';
import { watchObjects } from './watch.ts';
import { postObject, putObject } from './write.ts';
import type { Exchange } from '../request/exchange.ts';
import type { RequestInfo } from '../request/info.ts';
import type { ConnectHandler, SubresourceHandler, VirtualResource } from '../registry/handlers.ts';
import type { PathHandler } from '../paths/path-handler.ts';
import type { ServedResource } from '../registry/registry.ts';
import { apiVersionOf } from '../registry/versions.ts';

/** Who answers a request. */
export interface Route {
  /** What the answer is, so that its form can be negotiated first; undefined: the handler does that itself. */
  readonly shape: Shape | undefined;
  /** False where an answer has no columns to be shown as a Table. */
  readonly tables?: boolean;
  /** Media types that are offered where not all are. */
  readonly offered?: readonly MediaType[];
  handle(exchange: Exchange): Promise<Answer>;
}

/** All that is served under one group, version and plural name. */
export interface ServedEntry {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly served: ServedResource | undefined;
  readonly virtual: VirtualResource | undefined;
  readonly handlers: readonly SubresourceHandler[];
  readonly connects: readonly ConnectHandler[];
}

type Handle = (served: ServedResource, exchange: Exchange) => Promise<Answer>;
type Methods = Readonly<Partial<Record<string, Route>>>;

const CUSTOM_TYPES: readonly MediaType[] = ['application/json', 'application/yaml'];
const NO_METHODS: Methods = {};

/** Finds who answers. Custom resources are added and removed while the server runs. */
export class Routes {
  readonly #entries = new Map<string, ServedEntry>();
  readonly #groups = new Map<string, number>();
  readonly #paths: readonly PathHandler[];

  constructor(paths: readonly PathHandler[]) {
    this.#paths = paths;
  }

  /** Everything served, for discovery and OpenAPI. */
  entries(): Iterable<ServedEntry> {
    return this.#entries.values();
  }

  find(group: string, version: string, plural: string): ServedEntry | undefined {
    return this.#entries.get(keyOf(group, version, plural));
  }

  add(entry: ServedEntry): void {
    const key = keyOf(entry.group, entry.version, entry.plural);
    if (!this.#entries.has(key)) this.#groups.set(entry.group, (this.#groups.get(entry.group) ?? 0) + 1);
    this.#entries.set(key, entry);
  }

  remove(group: string, version: string, plural: string): void {
    if (!this.#entries.delete(keyOf(group, version, plural))) return;
    const left = (this.#groups.get(group) ?? 0) - 1;
    if (left > 0) this.#groups.set(group, left);
    else this.#groups.delete(group);
  }

  /** Throws StatusError 404 and 405. */
  route({ info, request }: Exchange): Route {
    if (!info.isResource) return this.#pathRoute(request.method, info.path);
    const entry = this.#entries.get(keyOf(info.group, info.version, info.resource));
    if (!entry || info.verb === 'proxy' || info.path.includes('//')) return this.#unknown(info.path);
    const methods = methodsOf(entry, info);
    const route = methods[request.method];
    if (route) return route;
    throw Object.keys(methods).length > 0 ? methodNotAllowed() : pathNotFoundError();
  }

  #pathRoute(method: string, path: string): Route {
    const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const handler = this.#paths.find((one) => one.path === bare || (one.below && path.startsWith(`${one.path}/`)));
    if (!handler) return this.#unknown(path);
    if (method !== 'GET' && method !== 'HEAD' && !handler.anyMethod) throw methodNotAllowed();
    return {
      shape: undefined,
      handle: async (exchange) => (await handler.handle(exchange)) ?? this.#unknown(path).handle(exchange),
    };
  }

  /** Within a known group the API answers, elsewhere nobody does. */
  #unknown(path: string): Route {
    const [prefix, group] = path.split('/').filter(Boolean);
    if (prefix === 'api' || (prefix === 'apis' && group !== undefined && this.#groups.has(group)))
      throw pathNotFoundError();
    return { shape: undefined, handle: () => Promise.resolve(NO_PAGE) };
  }
}

const NO_PAGE: Answer = Object.freeze({
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body: [Buffer.from('404 page not found\n')],
});

function keyOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}

export function methodNotAllowed(): StatusError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

function methodsOf(entry: ServedEntry, info: RequestInfo): Methods {
  const namespaced = entry.served?.definition.namespaced ?? entry.virtual?.namespaced ?? false;
  const scoped = info.namespace !== '' && !(info.resource === 'namespaces' && info.namespace === info.name);
  if (scoped !== namespaced) {
    // all namespaces may be listed and watched together
    const everywhere = namespaced && !scoped && info.parts.length === 1 && entry.served;
    return everywhere ? { GET: collectionMethods(entry, info)['GET'] } : NO_METHODS;
  }
  if (isWatchPath(info) && entry.served && info.parts.length === 2) {
    return { GET: routeOf(entry.served, 'watch', watchObjects) };
  }
  if (info.parts.length === 1) return collectionMethods(entry, info);
  if (info.parts.length === 2) return entry.served ? objectMethods(entry.served) : virtualObjectMethods(entry);
  return subresourceMethods(entry, info);
}

/** `/api/v1/watch/...`, which takes nothing but GET. */
function isWatchPath({ path, prefix, group, version }: RequestInfo): boolean {
  return path.startsWith(`/${prefix}/${group ? `${group}/` : ''}${version}/watch/`);
}

function routeOf(served: ServedResource, shape: Shape, handle: Handle): Route {
  const custom = served.version.schema.name === '';
  const { deprecation } = served.version;
  return {
    shape,
    ...(custom ? { offered: CUSTOM_TYPES } : {}),
    handle(exchange) {
      if (deprecation) exchange.warnings.push(deprecation);
      return handle(served, exchange);
    },
  };
}

function collectionMethods({ served, virtual }: ServedEntry, info: RequestInfo): Methods {
  if (!served) return virtual ? virtualMethods(virtual) : NO_METHODS;
  const { verbs } = served.definition;
  if (isWatchPath(info)) return { GET: routeOf(served, 'watch', watchObjects) };
  const methods: Record<string, Route> = {};
  if (info.verb === 'watch') methods['GET'] = routeOf(served, 'watch', watchObjects);
  else if (verbs.includes('list')) methods['GET'] = routeOf(served, 'list', listObjects);
  if (verbs.includes('create')) methods['POST'] = routeOf(served, 'object', postObject);
  if (verbs.includes('deletecollection')) methods['DELETE'] = routeOf(served, 'list', deleteCollection);
  return methods;
}

function virtualMethods(virtual: VirtualResource): Methods {
  const methods: Record<string, Route> = {};
  if (virtual.create)
    methods['POST'] = { shape: 'object', tables: false, handle: (exchange) => postVirtual(virtual, exchange) };
  if (virtual.list) methods['GET'] = { shape: 'list', handle: (exchange) => listVirtual(virtual, exchange) };
  return methods;
}

function virtualObjectMethods({ virtual }: ServedEntry): Methods {
  if (!virtual?.get) return NO_METHODS;
  return { GET: { shape: 'object', handle: (exchange) => getVirtual(virtual, exchange) } };
}

const OBJECT_METHODS: readonly (readonly [method: string, verb: string, handle: Handle])[] = [
  ['GET', 'get', getObject],
  ['PUT', 'update', putObject],
  ['PATCH', 'patch', patchObject],
  ['DELETE', 'delete', deleteOne],
];

const SCALE_METHODS: readonly (readonly [method: string, verb: string, handle: Handle])[] = [
  ['GET', 'get', getScale],
  ['PUT', 'update', putScale],
  ['PATCH', 'patch', patchScale],
];

function objectMethods(served: ServedResource): Methods {
  return methodsFor(served, OBJECT_METHODS, served.definition.verbs);
}

function methodsFor(served: ServedResource, table: typeof OBJECT_METHODS, verbs: readonly string[]): Methods {
  const usable = table.filter(([, verb]) => verbs.includes(verb));
  return Object.fromEntries(usable.map(([method, , handle]) => [method, routeOf(served, 'object', handle)]));
}

function subresourceMethods({ served, handlers, connects }: ServedEntry, { subresource, parts }: RequestInfo): Methods {
  const connection = connects.find((one) => one.subresource === subresource);
  if (connection && served) {
    const route: Route = { shape: undefined, handle: (exchange) => connect(served, connection, exchange) };
    return Object.fromEntries(connection.methods.map((method) => [method, route]));
  }
  if (parts.length > 3) return NO_METHODS;
  const handler = handlers.find((one) => one.subresource === subresource);
  if (handler && served) {
    return {
      POST: { shape: 'object', tables: false, handle: (exchange) => postSubresource(served, handler, exchange) },
    };
  }
  return served ? ownSubresourceMethods(served, subresource) : NO_METHODS;
}

function ownSubresourceMethods(served: ServedResource, subresource: string): Methods {
  const { subresources } = served.definition;
  if (subresource === 'scale') {
    return subresources.scale ? methodsFor(served, SCALE_METHODS, ['get', 'update', 'patch']) : NO_METHODS;
  }
  const known = subresource === 'status' ? subresources.status : subresources.others?.[subresource];
  if (!known) return NO_METHODS;
  return methodsFor(served, OBJECT_METHODS, subresourceVerbs(served, subresource));
}

/** Verbs of a subresource that shows the whole object: as upstream has them (the facts say `put`), else all that there are. */
function subresourceVerbs({ definition, version }: ServedResource, subresource: string): readonly string[] {
  const facts =
    builtinResources()[apiVersionOf(definition.group, version.version)]?.[`${definition.plural}/${subresource}`];
  return facts?.verbs.map((verb) => (verb === 'put' ? 'update' : verb)) ?? ['get', 'update', 'patch'];
}
