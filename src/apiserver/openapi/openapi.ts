import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { notAcceptableError } from '#machinery/status.ts';
import type { DocumentAnswer } from '../discovery/discovery.ts';
import { groupVersion, type ServedGroup, type ServedVersion } from '../discovery/model.ts';
import { clausesOf, JSON_TYPE } from '../negotiation/accept.ts';
import { loadDescriptions } from './descriptions.ts';
import { type DocumentOptions, openApiV2, openApiV3 } from './documents.ts';
import { encodeSwagger } from './swagger-protobuf.ts';

export interface OpenApiOptions {
  /** `v1.36.2`: the release whose API this is. */
  readonly release: string;
  /** What is served now (see `Discovery.groups`); another array when that changes. */
  readonly groups: () => readonly ServedGroup[];
}

export interface OpenApiRequest {
  /** `hash` of the query of a v3 document. */
  readonly hash?: string | undefined;
  readonly acceptEncoding?: string | undefined;
}

export interface OpenApi {
  /**
   * Answers `/openapi/v2`, `/openapi/v3` and `/openapi/v3/apis/<group>/<version>`; undefined for any other path.
   * Throws StatusError 406.
   */
  handle(
    path: string,
    accept: string | undefined,
    ifNoneMatch: string | undefined,
    request?: OpenApiRequest,
  ): DocumentAnswer | undefined;
}

/** Kept compressed: the documents are large, and nearly every client takes gzip. */
interface Kept {
  readonly gzipped: Uint8Array;
  readonly etag: string;
}

const SWAGGER_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What clients ask for; it is no media type by the rules, so that the answer has the other name. */
const SWAGGER_PROTOBUF_ALIAS = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** Below v3 upstream says nothing of what there is not. */
const NO_DOCUMENT: DocumentAnswer = { status: 404, headers: {}, body: new Uint8Array() };

/** A document whose URL has its hash never changes. */
const FOREVER_SECONDS = 365 * 24 * 60 * 60;

/** Serves OpenAPI documents. Each is built when it is first asked for, and only its compressed bytes are kept. */
export function createOpenApi(options: OpenApiOptions): OpenApi {
  let served: readonly ServedGroup[] | undefined;
  let kept = new Map<string, Kept>();
  let hashes = new Map<string, string>();

  function current(): readonly ServedGroup[] {
    const groups = options.groups();
    if (groups !== served) {
      served = groups;
      kept = new Map();
      hashes = new Map();
    }
    return groups;
  }
  function keep(key: string, write: () => Uint8Array): Kept {
    return kept.getOrInsertComputed(key, () => {
      const body = write();
      return { gzipped: gzipSync(body), etag: `"${sha512(body)}"` };
    });
  }
  function hashOf(group: string, version: ServedVersion): string {
    return hashes.getOrInsertComputed(groupVersion(group, version.version), () =>
      documentHash(group, version, options.release),
    );
  }

  return {
    handle(path, accept, ifNoneMatch, request = {}) {
      const groups = current();
      const trimmed = path.replace(/(?<=.)\/$/, '');
      if (trimmed === '/openapi/v2') {
        const type = chooseType(accept, [JSON_TYPE, SWAGGER_PROTOBUF, SWAGGER_PROTOBUF_ALIAS]);
        const isJson = type === JSON_TYPE;
        const document = keep(isJson ? 'v2' : 'v2 protobuf', () => {
          const swagger = openApiV2(groups, documentOptions(options));
          return isJson ? jsonBytes(swagger) : encodeSwagger(swagger);
        });
        return answer(document, isJson ? JSON_TYPE : SWAGGER_PROTOBUF, { ifNoneMatch, ...request });
      }
      if (trimmed === '/openapi/v3') {
        const type = chooseType(accept, [JSON_TYPE]);
        return answer(
          keep('v3', () => jsonBytes(index(groups, hashOf))),
          type,
          { ifNoneMatch, ...request },
        );
      }
      const found = findVersion(trimmed, groups);
      if (!found) return trimmed.startsWith('/openapi/v3/') ? NO_DOCUMENT : undefined;
      const [group, version] = found;
      const hash = hashOf(group, version);
      if (request.hash && request.hash !== hash) return movedTo(`${trimmed}?hash=${hash}`);
      const type = chooseType(accept, [JSON_TYPE]);
      const document = keep(trimmed, () => jsonBytes(openApiV3(group, version, documentOptions(options))));
      return answer({ ...document, etag: `"${hash}"` }, type, {
        ifNoneMatch,
        forever: Boolean(request.hash),
        ...request,
      });
    },
  };
}

function documentOptions({ release }: OpenApiOptions): DocumentOptions {
  return { release, descriptions: loadDescriptions() };
}

function index(groups: readonly ServedGroup[], hashOf: (group: string, version: ServedVersion) => string): object {
  const paths: Record<string, object> = {};
  for (const { name, versions } of groups) {
    for (const version of versions) {
      const path = `${name ? 'apis' : 'api'}/${groupVersion(name, version.version)}`;
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(name, version)}` };
    }
  }
  return { paths };
}

/**
 * Changes whenever the document may change, without writing it: the document of a built-in group follows from the
 * release, the texts and the list of its resources. That of a custom group is small, and is written.
 */
function documentHash(group: string, version: ServedVersion, release: string): string {
  const custom = version.resources.some(({ definition, kind }) => {
    const schema = definition?.versions.find((other) => other.version === version.version)?.schema;
    return schema !== undefined && schema.name === '' && kind !== '';
  });
  const descriptions = loadDescriptions();
  if (custom) return sha512(jsonBytes(openApiV3(group, version, { release, descriptions })));
  const resources = version.resources.map((resource) => ({ ...resource, definition: undefined }));
  const texts = Object.keys(descriptions).length;
  return sha512(jsonBytes({ group, version: version.version, release, texts, resources, form: DOCUMENT_FORM }));
}

/** Raised when the way in which documents are written changes. */
const DOCUMENT_FORM = 1;

function findVersion(path: string, groups: readonly ServedGroup[]): readonly [string, ServedVersion] | undefined {
  const match = /^\/openapi\/v3\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path);
  if (!match) return undefined;
  const [group, name] = match[1] === undefined ? [match[2] ?? '', match[3]] : ['', match[1]];
  const version = groups.find((other) => other.name === group)?.versions.find((other) => other.version === name);
  return version && [group, version];
}

function chooseType(accept: string | undefined, offered: readonly string[]): string {
  for (const { type } of clausesOf(accept)) {
    if (/^(\*|application)\/\*$/.test(type)) return JSON_TYPE;
    if (offered.includes(type)) return type;
  }
  throw notAcceptableError(offered);
}

interface AnswerOptions {
  readonly ifNoneMatch: string | undefined;
  readonly acceptEncoding?: string | undefined;
  readonly forever?: boolean;
}

function answer({ gzipped, etag }: Kept, type: string, options: AnswerOptions): DocumentAnswer {
  const headers: Record<string, string> = {
    'content-type': type,
    vary: 'Accept-Encoding, Accept',
    etag,
    ...(options.forever ? { 'cache-control': `public, immutable, max-age=${FOREVER_SECONDS}` } : {}),
  };
  const tags = options.ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (tags?.includes(etag)) return { status: 304, headers, body: new Uint8Array() };
  if (!/\bgzip\b/.test(options.acceptEncoding ?? '')) return { status: 200, headers, body: gunzipSync(gzipped) };
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipped };
}

function movedTo(location: string): DocumentAnswer {
  return { status: 301, headers: { location }, body: new Uint8Array() };
}

function jsonBytes(document: object): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}

function sha512(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase();
}
