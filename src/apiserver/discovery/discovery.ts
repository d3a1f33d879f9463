import { createHash } from 'node:crypto';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { failure, notAcceptableError } from '#machinery/status.ts';
import { clausesOf, JSON_TYPE, MEDIA_TYPES, type MediaType } from '../negotiation/accept.ts';
import { aggregatedGroups, apiGroup, apiGroupList, apiResourceList, apiVersions } from './documents.ts';
import { type DiscoveryDocument, encodeDocument } from './encode.ts';
import { gatherServed, type IsServed, type ServedGroup } from './model.ts';

/** The answer to a request for a document. */
export interface DocumentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface DiscoveryOptions {
  /** `host:port` under which clients reach this server. */
  readonly serverAddress: string;
  readonly isServed?: IsServed;
}

export interface Discovery {
  /** What is served now, in upstream's order. */
  readonly groups: readonly ServedGroup[];
  /** Replaces what is served, as when a CustomResourceDefinition comes or goes. */
  update(definitions: readonly ResourceDefinition[]): void;
  /**
   * Answers `/api`, `/apis`, `/apis/<group>`, `/api/<version>` and `/apis/<group>/<version>`; undefined for any other
   * path and for groups and versions that are not served. Throws StatusError 405 and 406.
   */
  handle(
    path: string,
    accept: string | undefined,
    ifNoneMatch: string | undefined,
    method?: string,
  ): DocumentAnswer | undefined;
}

/** Media types of the aggregated form, as `v=` names them. */
type Aggregated = 'v2' | 'v2beta1';

interface Page {
  readonly plain: DiscoveryDocument;
  /** The path has an aggregated form. */
  readonly groups?: readonly ServedGroup[];
  /** Upstream's handlers of groups look at no method. */
  readonly anyMethod?: boolean;
}

/** Serves discovery from the definitions. Bodies are written once for each media type, when they are first asked for. */
export function createDiscovery(definitions: readonly ResourceDefinition[], options: DiscoveryOptions): Discovery {
  let groups = gatherServed(definitions, options.isServed);
  let bodies = new Map<string, DocumentAnswer>();

  return {
    get groups() {
      return groups;
    },
    update(next) {
      groups = gatherServed(next, options.isServed);
      bodies = new Map();
    },
    handle(path, accept, ifNoneMatch, method = 'GET') {
      const trimmed = path.replace(/(?<=.)\/$/, '');
      const page = pageOf(trimmed, groups, options.serverAddress);
      if (!page) return undefined;
      if (method !== 'GET' && method !== 'HEAD' && !page.anyMethod) {
        throw failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
      }
      const form = chooseForm(accept, page);
      const answer = bodies.getOrInsertComputed(`${form.type} ${trimmed}`, () => write(page, form));
      return ifNoneMatch !== undefined && matches(ifNoneMatch, answer.headers['etag'])
        ? { status: 304, headers: answer.headers, body: new Uint8Array() }
        : answer;
    },
  };
}

function pageOf(path: string, groups: readonly ServedGroup[], serverAddress: string): Page | undefined {
  if (path === '/api') {
    return { plain: apiVersions(groups, serverAddress), groups: groups.filter(({ name }) => name === '') };
  }
  if (path === '/apis') {
    return { plain: apiGroupList(groups), groups: groups.filter(({ name }) => name !== ''), anyMethod: true };
  }
  const parts = path.split('/').slice(1);
  const [root, first = '', second] = parts;
  if (root === 'apis' && parts.length === 2) {
    const group = first ? groups.find(({ name }) => name === first) : undefined;
    return group && { plain: apiGroup(group), anyMethod: true };
  }
  const isVersion = (root === 'api' && parts.length === 2) || (root === 'apis' && parts.length === 3);
  if (!isVersion || (root === 'apis' && first === '')) return undefined;
  const [name, version] = root === 'api' ? ['', first] : [first, second];
  const served = groups.find((group) => group.name === name)?.versions.find((other) => other.version === version);
  return served && { plain: apiResourceList(name, served) };
}

interface Form {
  /** The whole Content-Type. */
  readonly type: string;
  readonly mediaType: MediaType;
  readonly aggregated?: Aggregated;
}

function chooseForm(accept: string | undefined, page: Page): Form {
  for (const { type, parameters } of clausesOf(accept)) {
    const mediaType = /^(\*|application)\/\*$/.test(type) ? JSON_TYPE : MEDIA_TYPES.find((other) => other === type);
    if (!mediaType) continue;
    if (!parameters.has('as')) return { type: mediaType, mediaType };
    const version = parameters.get('v');
    const wanted = parameters.get('as') === 'APIGroupDiscoveryList' && parameters.get('g') === 'apidiscovery.k8s.io';
    if (!wanted || !page.groups || (version !== 'v2' && version !== 'v2beta1')) continue;
    const form = `${mediaType};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return { type: form, mediaType, aggregated: version };
  }
  throw notAcceptableError(MEDIA_TYPES);
}

function write({ plain, groups }: Page, form: Form): DocumentAnswer {
  const document = form.aggregated && groups ? aggregatedGroups(groups, form.aggregated) : plain;
  const body = encodeDocument(document, form.mediaType);
  const etag = form.aggregated ? { etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` } : {};
  return { status: 200, headers: { 'content-type': form.type, vary: 'Accept', ...etag }, body };
}

function matches(ifNoneMatch: string, etag: string | undefined): boolean {
  if (!etag) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*');
}
