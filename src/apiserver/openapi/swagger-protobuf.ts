import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * A Swagger document as the protobuf message `openapi.v2.Document`, which kubectl's older code asks for. Each message
 * is a table of its fields: name in JSON -> number and how the value is written. Source: the OpenAPI v2 message
 * definitions of the gnostic project.
 */
export function encodeSwagger(document: object): Uint8Array {
  return message(document, DOCUMENT);
}

type Json = Readonly<Record<string, unknown>>;
/** Writes one value as a length-delimited field. */
type Encode = (value: unknown) => Uint8Array;
interface Field {
  readonly number: number;
  readonly kind: 'string' | 'bool' | 'message' | 'messages' | 'strings';
  readonly encode?: Encode;
}
/** `vendor`: number of the list of `x-` members. */
interface Message {
  readonly fields: () => Readonly<Record<string, Field>>;
  readonly vendor?: number;
}

const text = (number: number): Field => ({ number, kind: 'string' });
const bool = (number: number): Field => ({ number, kind: 'bool' });
const texts = (number: number): Field => ({ number, kind: 'strings' });
const one = (number: number, encode: Encode): Field => ({ number, kind: 'message', encode });
const many = (number: number, encode: Encode): Field => ({ number, kind: 'messages', encode });
const nested =
  (type: Message): Encode =>
  (value) =>
    message(value, type);

/** A map as a list of (name, value) pairs. */
function named(listNumber: number, encode: Encode): Encode {
  return (value) => {
    const writer = new BinaryWriter();
    for (const [name, part] of Object.entries(value as Json)) {
      const pair = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
      pair.tag(2, WireType.LengthDelimited).bytes(encode(part));
      writer.tag(listNumber, WireType.LengthDelimited).bytes(pair.finish());
    }
    return writer.finish();
  };
}

/** A message whose one field holds the value. */
function wrapped(number: number, encode: Encode): Encode {
  return (value) => new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(encode(value)).finish();
}

/** Any JSON value, as YAML text (which JSON is). */
const anyValue: Encode = (value) =>
  new BinaryWriter()
    .tag(2, WireType.LengthDelimited)
    .string(`${JSON.stringify(value)}\n`)
    .finish();

const typeItem: Encode = (value) => new BinaryWriter().tag(1, WireType.LengthDelimited).string(String(value)).finish();

const SCHEMA: Message = {
  fields: () => ({
    $ref: text(1),
    format: text(2),
    description: text(4),
    default: one(5, anyValue),
    uniqueItems: bool(16),
    required: texts(19),
    additionalProperties: one(21, wrapped(1, nested(SCHEMA))),
    type: one(22, typeItem),
    items: one(23, wrapped(1, nested(SCHEMA))),
    properties: one(25, named(1, nested(SCHEMA))),
  }),
  vendor: 31,
};

const BODY_PARAMETER: Message = {
  fields: () => ({
    description: text(1),
    name: text(2),
    in: text(3),
    required: bool(4),
    schema: one(5, nested(SCHEMA)),
  }),
};

const QUERY_PARAMETER: Message = {
  fields: () => ({
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(6),
    uniqueItems: bool(20),
  }),
};

const PATH_PARAMETER: Message = {
  fields: () => ({
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(5),
    uniqueItems: bool(19),
  }),
};

/** ParametersItem -> Parameter -> body, or non-body -> query or path. */
const parameter: Encode = (value) => {
  const place = (value as Json)['in'];
  if (place === 'body') return wrapped(1, wrapped(1, nested(BODY_PARAMETER)))(value);
  const subtype = place === 'path' ? wrapped(4, nested(PATH_PARAMETER)) : wrapped(3, nested(QUERY_PARAMETER));
  return wrapped(1, wrapped(2, subtype))(value);
};

const RESPONSE: Message = {
  fields: () => ({ description: text(1), schema: one(2, wrapped(1, nested(SCHEMA))) }),
};

const OPERATION: Message = {
  fields: () => ({
    tags: texts(1),
    description: text(3),
    operationId: text(5),
    produces: texts(6),
    consumes: texts(7),
    parameters: many(8, parameter),
    responses: one(9, named(1, wrapped(1, nested(RESPONSE)))),
    schemes: texts(10),
  }),
  vendor: 13,
};

const PATH_ITEM: Message = {
  fields: () => ({
    get: one(2, nested(OPERATION)),
    put: one(3, nested(OPERATION)),
    post: one(4, nested(OPERATION)),
    delete: one(5, nested(OPERATION)),
    patch: one(8, nested(OPERATION)),
    parameters: many(9, parameter),
  }),
};

const API_KEY: Message = { fields: () => ({ type: text(1), name: text(2), in: text(3) }) };

const DOCUMENT: Message = {
  fields: () => ({
    swagger: text(1),
    info: one(2, nested({ fields: () => ({ title: text(1), version: text(2) }) })),
    paths: one(8, named(2, nested(PATH_ITEM))),
    definitions: one(9, named(1, nested(SCHEMA))),
    security: many(
      12,
      named(1, () => new Uint8Array()),
    ),
    securityDefinitions: one(13, named(1, wrapped(2, nested(API_KEY)))),
  }),
};

function message(value: unknown, type: Message): Uint8Array {
  const writer = new BinaryWriter();
  const fields = type.fields();
  for (const [name, part] of Object.entries(value as Json)) {
    const field = fields[name];
    if (field) writeField(writer, field, part);
  }
  if (type.vendor !== undefined) writeVendor(writer, type.vendor, value as Json);
  return writer.finish();
}

function writeField(writer: BinaryWriter, { number, kind, encode }: Field, value: unknown): void {
  if (kind === 'string') writer.tag(number, WireType.LengthDelimited).string(String(value));
  else if (kind === 'bool') writer.tag(number, WireType.Varint).bool(Boolean(value));
  else if (kind === 'strings') {
    for (const item of value as readonly string[]) writer.tag(number, WireType.LengthDelimited).string(item);
  } else if (encode) {
    const items = kind === 'messages' ? (value as readonly unknown[]) : [value];
    for (const item of items) writer.tag(number, WireType.LengthDelimited).bytes(encode(item));
  }
}

function writeVendor(writer: BinaryWriter, number: number, value: Json): void {
  for (const [name, part] of Object.entries(value)) {
    if (!name.startsWith('x-')) continue;
    const pair = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
    pair.tag(2, WireType.LengthDelimited).bytes(anyValue(part));
    writer.tag(number, WireType.LengthDelimited).bytes(pair.finish());
  }
}
