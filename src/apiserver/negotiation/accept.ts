import { badRequestError, notAcceptableError } from '#machinery/status.ts';

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf';

export const JSON_TYPE: MediaType = 'application/json';
export const YAML_TYPE: MediaType = 'application/yaml';
export const PROTOBUF_TYPE: MediaType = 'application/vnd.kubernetes.protobuf';

/** In the order of preference where a client takes anything. */
export const MEDIA_TYPES: readonly MediaType[] = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];

/** The form in which a client wants its answer. */
export interface Rendering {
  readonly media: MediaType;
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata';
  /** Version of meta.k8s.io for Table and PartialObjectMetadata. */
  readonly metaVersion: 'v1' | 'v1beta1';
  /** What the rows of a Table carry beside their cells. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  /** JSON is indented. */
  readonly pretty: boolean;
}

export const PLAIN_JSON: Rendering = Object.freeze({
  media: JSON_TYPE,
  as: 'object',
  metaVersion: 'v1',
  includeObject: 'Metadata',
  pretty: false,
});

/** One entry of an Accept header. */
interface Clause {
  readonly type: string;
  readonly quality: number;
  readonly parameters: ReadonlyMap<string, string>;
}

/** What is being asked for: one object, a collection, or a watch. */
export type Shape = 'object' | 'list' | 'watch';

interface AcceptRequest {
  readonly accept: string | undefined;
  readonly userAgent: string | undefined;
  readonly query: URLSearchParams;
  readonly shape: Shape;
  /** False where there are no columns. */
  readonly tables?: boolean;
  /** Media types that this resource is served in (custom resources have no protobuf). */
  readonly offered?: readonly MediaType[];
}

/** Chooses the form of an answer. Throws StatusError 406 where nothing that is accepted is offered. */
export function negotiateRendering({
  accept,
  userAgent,
  query,
  shape,
  tables = true,
  offered = MEDIA_TYPES,
}: AcceptRequest): Rendering {
  const usable = shape === 'watch' ? offered.filter((type) => type !== YAML_TYPE) : offered;
  const pretty = wantsPretty(query, userAgent);
  for (const clause of clausesOf(accept)) {
    const media = clause.type === '*/*' ? usable[0] : usable.find((type) => type === clause.type);
    const transform = media && transformOf(clause, shape);
    if (transform && (tables || transform.as !== 'Table'))
      return {
        media,
        includeObject: transform.as === 'Table' ? includeObjectOf(query) : 'Metadata',
        pretty: pretty && shape !== 'watch',
        ...transform,
      };
  }
  throw notAcceptableError(offered);
}

const TRANSFORMS = new Set([undefined, 'Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** The media type of an error: like any other answer, but JSON where the client takes nothing that there is. */
export function statusMediaType(accept: string | undefined): MediaType {
  for (const { type, parameters } of clausesOf(accept)) {
    if (type === '*/*') return JSON_TYPE;
    if (!TRANSFORMS.has(parameters.get('as'))) continue;
    const found = MEDIA_TYPES.find((offered) => offered === type);
    if (found) return found;
  }
  return JSON_TYPE;
}

export function clausesOf(accept: string | undefined): readonly Clause[] {
  if (!accept?.trim()) return [{ type: '*/*', quality: 1, parameters: new Map() }];
  // a quality of 0 ranks last and is taken all the same, as upstream does
  return accept
    .split(',')
    .map(parseClause)
    .sort((a, b) => b.quality - a.quality);
}

function parseClause(text: string): Clause {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf('=');
    if (equals > 0)
      parameters.set(parameter.slice(0, equals).toLowerCase(), parameter.slice(equals + 1).replace(/^"|"$/g, ''));
  }
  const quality = Number(parameters.get('q') ?? 1);
  return { type, quality: Number.isNaN(quality) ? 0 : quality, parameters };
}

/** `as`, `v` and `g` of a clause; undefined where that cannot be had. */
function transformOf({ parameters }: Clause, shape: Shape): Pick<Rendering, 'as' | 'metaVersion'> | undefined {
  const as = parameters.get('as');
  if (as === undefined) return { as: 'object', metaVersion: 'v1' };
  const version = parameters.get('v');
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { as, metaVersion: version };
  const metadata = shape === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return as === metadata ? { as: 'PartialObjectMetadata', metaVersion: version } : undefined;
}

function wantsPretty(query: URLSearchParams, userAgent = ''): boolean {
  const asked = query.get('pretty');
  if (asked !== null) return asked !== 'false' && asked !== '0';
  return userAgent.startsWith('curl') || userAgent.startsWith('Wget') || userAgent.startsWith('Mozilla/5.0');
}

function includeObjectOf(query: URLSearchParams): Rendering['includeObject'] {
  const asked = query.get('includeObject') || 'Metadata';
  if (asked === 'None' || asked === 'Object' || asked === 'Metadata') return asked;
  throw badRequestError(`unrecognized includeObject value: ${JSON.stringify(asked)}`);
}
