import type { DiscoveredResource, DiscoveredSubresource } from '../discovery/model.ts';
import { groupVersion } from '../discovery/model.ts';

export type HttpMethod = 'get' | 'put' | 'post' | 'delete' | 'patch';

/** A group, a version and a kind. */
export type Gvk = readonly [string, string, string];

/** One operation of the API, before it is written in the words of OpenAPI v2 or v3. */
export interface Operation {
  readonly method: HttpMethod;
  /** `x-kubernetes-action`. */
  readonly action: 'get' | 'list' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection' | 'connect';
  readonly id: string;
  readonly gvk: Gvk;
  /** Kind of the body; `Patch` for patches. */
  readonly body?: Gvk | 'Patch' | 'DeleteOptions';
  readonly response: Gvk | 'Status' | 'text';
  /** Names of query parameters (see `parameters.ts`). */
  readonly query: readonly string[];
}

export interface PathItem {
  readonly path: string;
  /** Parameters of all operations of the path, of the path and of the query. */
  readonly parameters: readonly string[];
  readonly operations: readonly Operation[];
}

const DRY_RUN = ['dryRun', 'fieldManager', 'fieldValidation'];
const DELETE = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'propagationPolicy',
];
const SELECT = [
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
];
const LIST = ['allowWatchBookmarks', ...SELECT, 'watch'];

/** Query parameters of subresources that are connections or texts. */
const CONNECT_QUERY: Readonly<Record<string, readonly string[]>> = {
  exec: ['command', 'container', 'stderr', 'stdin', 'stdout', 'tty'],
  attach: ['container', 'stderr', 'stdin', 'stdout', 'tty'],
  portforward: ['ports'],
  proxy: ['path'],
  log: [
    ...['container', 'follow', 'insecureSkipTLSVerifyBackend', 'limitBytes', 'previous', 'sinceSeconds'],
    ...['stream', 'tailLines', 'timestamps'],
  ],
};

/** Everything that a served resource answers, its subresources included. */
export function pathsOf(group: string, version: string, resource: DiscoveredResource): readonly PathItem[] {
  const scope = new Scope(group, version, resource);
  return [
    ...scope.collection(),
    ...scope.object(),
    ...resource.subresources.flatMap((subresource) => scope.subresource(subresource)),
  ];
}

/** The names that all paths of one resource share. */
class Scope {
  readonly #resource: DiscoveredResource;
  readonly #gvk: Gvk;
  readonly #root: string;
  readonly #base: string;
  readonly #parameters: readonly string[];

  constructor(group: string, version: string, resource: DiscoveredResource) {
    this.#resource = resource;
    this.#gvk = [group, version, resource.kind];
    this.#root = `/${group ? 'apis' : 'api'}/${groupVersion(group, version)}`;
    this.#base = `${this.#root}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.name}`;
    this.#parameters = resource.namespaced ? ['namespace', 'pretty'] : ['pretty'];
  }

  collection(): readonly PathItem[] {
    const { name, kind, verbs, namespaced } = this.#resource;
    const gvk = this.#gvk;
    const list: Gvk = [gvk[0], gvk[1], `${kind}List`];
    const operations: Operation[] = [];
    if (verbs.includes('list'))
      operations.push({ method: 'get', action: 'list', id: this.#id('list'), gvk, response: list, query: LIST });
    if (verbs.includes('create')) {
      operations.push({
        method: 'post',
        action: 'post',
        id: this.#id('create'),
        gvk,
        body: gvk,
        response: gvk,
        query: DRY_RUN,
      });
    }
    if (verbs.includes('deletecollection')) {
      const query = [...new Set([...SELECT, ...DELETE])].sort();
      const id = this.#id('delete', 'Collection');
      operations.push({
        method: 'delete',
        action: 'deletecollection',
        id,
        gvk,
        body: 'DeleteOptions',
        response: 'Status',
        query,
      });
    }
    const items: PathItem[] = [{ path: this.#base, parameters: this.#parameters, operations }];
    if (namespaced && verbs.includes('list')) {
      const id = `list${this.#groupVersionName()}${kind}ForAllNamespaces`;
      const all: Operation = { method: 'get', action: 'list', id, gvk, response: list, query: LIST };
      items.push({ path: `${this.#root}/${name}`, parameters: ['pretty'], operations: [all] });
    }
    return items.filter((item) => item.operations.length > 0);
  }

  object(): readonly PathItem[] {
    const operations = this.#objectOperations(this.#resource.verbs, this.#gvk, '');
    if (operations.length === 0) return [];
    return [{ path: `${this.#base}/{name}`, parameters: ['name', ...this.#parameters], operations }];
  }

  subresource({ name, verbs, body }: DiscoveredSubresource): readonly PathItem[] {
    const path = `${this.#base}/{name}/${name}`;
    const parameters = ['name', ...this.#parameters];
    const query = CONNECT_QUERY[name];
    if (!query) {
      const suffix = upperFirst(name);
      const operations = this.#objectOperations(verbs, body, suffix);
      if (verbs.includes('create')) {
        const id = this.#id('create', '', suffix);
        operations.push({ method: 'post', action: 'post', id, gvk: body, body, response: body, query: DRY_RUN });
      }
      return [{ path, parameters, operations }];
    }
    const connect = (more: string) =>
      verbs.map((verb): Operation => {
        const method = METHODS[verb] ?? 'get';
        const id = `${name === 'log' ? 'read' : `connect${this.#groupVersionName()}${upperFirst(method)}`}`;
        const named =
          name === 'log' ? this.#id('read', '', 'Log') : `${id}${this.#objectName(upperFirst(name))}${more}`;
        const action = name === 'log' ? 'get' : 'connect';
        return { method, action, id: named, gvk: body, response: 'text', query: more ? [] : query };
      });
    const items: PathItem[] = [{ path, parameters, operations: connect('') }];
    if (name === 'proxy') {
      items.push({
        path: `${path}/{path}`,
        parameters: ['name', ...this.#parameters, 'path'],
        operations: connect('WithPath'),
      });
    }
    return items;
  }

  #objectOperations(verbs: readonly string[], gvk: Gvk, suffix: string): Operation[] {
    const operations: Operation[] = [];
    const id = (verb: string) => this.#id(verb, '', suffix);
    if (verbs.includes('get'))
      operations.push({ method: 'get', action: 'get', id: id('read'), gvk, response: gvk, query: [] });
    if (verbs.includes('update')) {
      operations.push({
        method: 'put',
        action: 'put',
        id: id('replace'),
        gvk,
        body: gvk,
        response: gvk,
        query: DRY_RUN,
      });
    }
    if (verbs.includes('delete')) {
      operations.push({
        method: 'delete',
        action: 'delete',
        id: id('delete'),
        gvk,
        body: 'DeleteOptions',
        response: 'Status',
        query: DELETE,
      });
    }
    if (verbs.includes('patch')) {
      operations.push({
        method: 'patch',
        action: 'patch',
        id: id('patch'),
        gvk,
        body: 'Patch',
        response: gvk,
        query: [...DRY_RUN, 'force'],
      });
    }
    return operations;
  }

  #id(verb: string, middle = '', suffix = ''): string {
    return `${verb}${this.#groupVersionName()}${middle}${this.#objectName(suffix)}`;
  }

  #objectName(suffix: string): string {
    return `${this.#resource.namespaced ? 'Namespaced' : ''}${this.#resource.kind}${suffix}`;
  }

  #groupVersionName(): string {
    return `${groupName(this.#gvk[0])}${upperFirst(this.#gvk[1])}`;
  }
}

const METHODS: Readonly<Record<string, HttpMethod>> = {
  get: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
  delete: 'delete',
};

/** `RbacAuthorization` for rbac.authorization.k8s.io, `Core` for ''. */
export function groupName(group: string): string {
  if (!group) return 'Core';
  return group
    .replace(/\.k8s\.io$/, '')
    .split(/[.-]/)
    .map(upperFirst)
    .join('');
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
