import { type Decoded, decodeObject, type FieldValidation } from '#machinery/codec/decode.ts';
import { JsonSyntaxError, MAX_JSON_DEPTH, type ParsedJson, parseJson } from '#machinery/codec/json.ts';
import { decodeProtobuf, ProtobufError, unwrapUnknown } from '#machinery/codec/protobuf.ts';
import { readYaml, YamlError } from '#machinery/codec/yaml.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import { badRequestError, entityTooLargeError, unsupportedMediaTypeError } from '#machinery/status.ts';
import { JSON_TYPE, MEDIA_TYPES, PROTOBUF_TYPE, YAML_TYPE } from '../negotiation/accept.ts';
import type { ApiRequest } from '../http/exchange.ts';

/** Upstream's limit of a request body. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** A body that is an object, before a schema has decoded it. */
export type ParsedBody = TextBody | ({ readonly media: 'protobuf'; readonly message: Uint8Array } & TypeMeta);

/** JSON or YAML. */
export type TextBody = { readonly media: 'json'; readonly repeated: readonly string[] } & ParsedJson & TypeMeta;

interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** The whole body. Throws StatusError 413 beyond the limit, without reading on. */
export async function readBody({ body, contentLength }: ApiRequest, limit = MAX_BODY_BYTES): Promise<Buffer> {
  if (contentLength !== undefined && contentLength > limit) throw tooLarge(limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function tooLarge(limit: number) {
  return entityTooLargeError(`Request entity too large: limit is ${limit}`);
}

/** The media type of a Content-Type header, without parameters. */
export function contentTypeOf(request: ApiRequest): string {
  return (request.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Reads a body that is one object in any media type. Throws StatusError 400, 413, 415. */
export async function readObject(request: ApiRequest): Promise<ParsedBody | undefined> {
  const type = contentTypeOf(request) || JSON_TYPE;
  if (!MEDIA_TYPES.some((known) => known === type)) throw unsupportedMediaTypeError(MEDIA_TYPES);
  const bytes = await readBody(request);
  if (bytes.length === 0 && type !== YAML_TYPE) return undefined; // nothing is a document in YAML
  return parseObject(bytes, type);
}

function parseObject(bytes: Buffer, type: string): ParsedBody {
  if (type === PROTOBUF_TYPE) return readProtobuf(() => parseEnvelope(bytes));
  return parseText(bytes, type === YAML_TYPE);
}

function parseEnvelope(bytes: Buffer): ParsedBody {
  const { apiVersion, kind, raw } = unwrapUnknown(bytes);
  return { media: 'protobuf', message: raw, apiVersion, kind };
}

function readProtobuf<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequestError(error.message);
    throw error;
  }
}

/** Parses JSON, nested at most `maxDepth` deep, or YAML. Throws StatusError 400. */
export function parseText(bytes: Uint8Array, yaml: boolean, maxDepth = MAX_JSON_DEPTH): TextBody {
  try {
    const parsed = yaml
      ? { ...readYaml(Buffer.from(bytes).toString('utf8')), duplicates: [], floats: [] }
      : { ...parseJson(bytes, { maxDepth }), repeated: [] };
    return { media: 'json', ...parsed, ...typeMetaOf(parsed.value) };
  } catch (error) {
    if (error instanceof YamlError) throw badRequestError(error.message);
    if (error instanceof JsonSyntaxError) {
      throw badRequestError(`couldn't get version/kind; json parse error: ${error.message}`);
    }
    throw error;
  }
}

function typeMetaOf(value: unknown): TypeMeta {
  const { apiVersion, kind } = (typeof value === 'object' && value !== null ? value : {}) as Partial<TypeMeta>;
  if (apiVersion !== undefined && apiVersion !== null && typeof apiVersion !== 'string') throw noTypeMeta('apiVersion');
  if (kind !== undefined && kind !== null && typeof kind !== 'string') throw noTypeMeta('kind');
  return { apiVersion: apiVersion ?? '', kind: kind ?? '' };
}

function noTypeMeta(field: string) {
  return badRequestError(`couldn't get version/kind; json parse error: ${field} must be a string`);
}

/** What a body is to be decoded as. */
export interface Expected extends TypeMeta {
  readonly schema: StructSchema;
  /** Other versions of the same kind whose bodies are taken as well, by apiVersion. */
  readonly others?: readonly (TypeMeta & { readonly schema: StructSchema })[];
}

/**
 * Decodes a body as the kind that is expected; a body that names no kind is taken for it. Throws StatusError 400.
 * The result has the kind and apiVersion of what it was decoded as.
 */
export function decodeBody(body: ParsedBody, expected: Expected, fieldValidation: FieldValidation): Decoded {
  const { kind, apiVersion, schema } = chosen(body, expected);
  const { object, warnings } =
    body.media === 'protobuf'
      ? {
          object: readProtobuf(() => decodeProtobuf(schema, body.message)) as unknown as Draft<KubeObject>,
          warnings: [],
        }
      : decodeObject(body.value, schema, {
          fieldValidation,
          kind,
          apiVersion,
          duplicates: body.duplicates,
          repeated: body.repeated,
          floats: body.floats,
        });
  object.apiVersion = apiVersion;
  object.kind = kind;
  return { object, warnings };
}

function chosen(body: ParsedBody, expected: Expected): TypeMeta & { readonly schema: StructSchema } {
  const kind = body.kind || expected.kind;
  const apiVersion = body.apiVersion || expected.apiVersion;
  if (kind === expected.kind && apiVersion === expected.apiVersion) return expected;
  const other = expected.others?.find((one) => one.kind === kind && one.apiVersion === apiVersion);
  if (other) return other;
  if (kind === expected.kind || !body.kind) {
    throw badRequestError(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  throw badRequestError(
    `${kind} in version ${JSON.stringify(apiVersion.slice(apiVersion.indexOf('/') + 1))} cannot be handled as a ${expected.kind}: converting to that kind is not possible`,
  );
}
