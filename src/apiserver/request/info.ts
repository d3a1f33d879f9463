import { badRequestError } from '#machinery/status.ts';

/** What a request is about, read from its path, method and query alone. Source: upstream's RequestInfo. */
export interface RequestInfo {
  /** False for paths such as `/healthz`, `/apis` and `/api/v1`. */
  readonly isResource: boolean;
  readonly path: string;
  /**
   * get, list, watch, create, update, patch, delete, deletecollection, or proxy (the legacy path form); for other paths
   * the HTTP method in lower case.
   */
  readonly verb: string;
  /** `api` or `apis`. */
  readonly prefix: string;
  readonly group: string;
  readonly version: string;
  /** The namespace in the path; for requests about one namespace its own name. */
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Resource, name, subresource and what comes after. */
  readonly parts: readonly string[];
}

const VERB_OF_METHOD: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** `/api/v1/proxy/...` and `/api/v1/watch/...`, the forms from before query parameters. */
const PATH_VERBS = new Set(['proxy', 'watch']);

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Reads `path` (decoded, without query). Throws StatusError 400 where a legacy form is cut short. */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = path.split('/').filter((segment) => segment !== '');
  const [prefix] = segments;
  const plain = nonResource(method, path);
  if (segments.length < 3 || (prefix !== 'api' && prefix !== 'apis')) return plain;
  let rest = segments.slice(1);
  let group = '';
  if (prefix === 'apis') {
    if (rest.length < 3) return plain;
    group = rest[0] ?? '';
    rest = rest.slice(1);
  }
  const version = rest[0] ?? '';
  rest = rest.slice(1);
  let verb = VERB_OF_METHOD[method] ?? '';
  if (PATH_VERBS.has(rest[0] ?? '')) {
    if (rest.length < 2) throw badRequestError(`unable to determine kind and namespace from url, ${path}`);
    verb = rest[0] ?? '';
    rest = rest.slice(1);
  }
  const { namespace, parts } = splitNamespace(rest);
  const named = { namespace, resource: parts[0] ?? '', name: parts[1] ?? '' };
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '');
  return {
    isResource: true,
    path,
    prefix,
    group,
    version,
    subresource,
    parts,
    ...named,
    ...collectionVerb(verb, named.name, query),
  };
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResource: false,
    path,
    verb: method.toLowerCase(),
    prefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
  };
}

function splitNamespace(rest: readonly string[]): { namespace: string; parts: readonly string[] } {
  if (rest[0] !== 'namespaces' || rest.length < 2) return { namespace: '', parts: rest };
  const namespace = rest[1] ?? '';
  const inside = rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '');
  return { namespace, parts: inside ? rest.slice(2) : rest };
}

/** Requests without a name are about the collection; a watch of one name by field selector is authorized for that name. */
function collectionVerb(verb: string, name: string, query: URLSearchParams): { verb: string; name: string } {
  if (name) return { verb, name };
  if (verb === 'delete') return { verb: 'deletecollection', name };
  if (verb !== 'get' && verb !== 'watch') return { verb, name };
  const single = nameOfFieldSelector(query.get('fieldSelector') ?? '');
  const watching = verb === 'watch' || queryFlag(query, 'watch');
  return { verb: watching ? 'watch' : 'list', name: single };
}

function nameOfFieldSelector(selector: string): string {
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=].*)$/.exec(term);
    if (match?.[1] && !match[1].includes('/') && match[1] !== '.' && match[1] !== '..') return match[1];
  }
  return '';
}

/** A boolean parameter: false only when absent, `false` or `0` (`?watch` means true). */
export function queryFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)?.toLowerCase();
  return value !== undefined && value !== 'false' && value !== '0';
}
