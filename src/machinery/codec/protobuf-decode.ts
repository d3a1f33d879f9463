import { define } from '../object.ts';
import type { FieldSchema, ScalarSchema, Schema, StructSchema } from '../schema/schema.ts';
import { showMicroTime, showTime } from '../time.ts';
import { normalizeZero } from './decode.ts';
import { JsonSyntaxError, parseJson } from './json.ts';
import { type MessagePlan, planOf } from './protobuf-plan.ts';
import { BYTES, FIXED64, ProtobufError, Reader, VARINT } from './protobuf-wire.ts';

/** Messages nested deeper are refused. */
export const MAX_PROTOBUF_DEPTH = 1_000;

/** Reads a message into the served form of its JSON. Throws ProtobufError. */
export function decodeMessage(schema: StructSchema, bytes: Uint8Array): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  readMessage(new Reader(bytes), object, planOf(schema), 0);
  return normalizeZero(object, schema);
}

function readMessage(reader: Reader, object: Record<string, unknown>, plan: MessagePlan, depth: number): void {
  if (depth > MAX_PROTOBUF_DEPTH) throw new ProtobufError(`message is nested deeper than ${MAX_PROTOBUF_DEPTH}`);
  while (!reader.done) {
    const [number, wire] = reader.tag();
    const entry = plan.byNumber.get(number);
    if (!entry) reader.skip(wire);
    else if ('embedded' in entry) {
      expect(wire, BYTES, number);
      readMessage(new Reader(reader.bytes()), object, entry.embedded, depth + 1);
    } else readField(reader, object, entry.field, { wire, number, depth, type: entry.type });
  }
}

interface Spot {
  readonly wire: number;
  readonly number: number;
  readonly depth: number;
}

function expect(wire: number, wanted: number, number: number): void {
  if (wire !== wanted) throw new ProtobufError(`proto: wrong wireType = ${wire} for field ${number}`);
}

function readField(reader: Reader, object: Record<string, unknown>, field: FieldSchema, spot: TypedSpot): void {
  const { schema, name } = field;
  if (schema.kind === 'list') {
    const known = object[name];
    const list: unknown[] = Array.isArray(known) ? known : [];
    object[name] = list;
    readItems(reader, list, schema.items, spot);
  } else if (schema.kind === 'map') {
    expect(spot.wire, BYTES, spot.number);
    const map = (object[name] ?? {}) as Record<string, unknown>;
    object[name] = map;
    readEntry(new Reader(reader.bytes()), map, schema.values, spot);
  } else {
    const value = readValue(reader, schema, spot, object[name]);
    if (value !== undefined) object[name] = value;
  }
}

interface TypedSpot extends Spot {
  readonly type: string;
}

/** One item, or many numbers in one run. */
function readItems(reader: Reader, list: unknown[], items: Schema, spot: TypedSpot): void {
  const packable = items.kind === 'scalar' && ['int32', 'int64', 'boolean', 'double'].includes(items.type);
  if (!packable || spot.wire !== BYTES) {
    list.push(readValue(reader, items, spot) ?? null);
    return;
  }
  const packed = new Reader(reader.bytes());
  const wire = items.type === 'double' ? FIXED64 : VARINT;
  while (!packed.done) list.push(readValue(packed, items, { ...spot, wire }));
}

function readEntry(reader: Reader, map: Record<string, unknown>, values: Schema, spot: TypedSpot): void {
  let key = '';
  let value: unknown = null;
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1) {
      expect(wire, BYTES, number);
      key = reader.text();
    } else if (number === 2) value = readValue(reader, values, { ...spot, wire, number });
    else reader.skip(wire);
  }
  define(map, key, value ?? null);
}

/** `known` is what an earlier part of the message said: repeated messages merge. */
function readValue(reader: Reader, schema: Schema, spot: TypedSpot, known?: unknown): unknown {
  if (schema.kind === 'struct') {
    expect(spot.wire, BYTES, spot.number);
    const object = (known ?? {}) as Record<string, unknown>;
    readMessage(new Reader(reader.bytes()), object, planOf(schema), spot.depth + 1);
    return object;
  }
  if (schema.kind === 'list') {
    expect(spot.wire, BYTES, spot.number);
    return readNestedList(new Reader(reader.bytes()), schema.items, spot);
  }
  return schema.kind === 'scalar' ? readScalar(reader, schema, spot) : undefined;
}

function readNestedList(reader: Reader, items: Schema, spot: TypedSpot): unknown[] {
  const list: unknown[] = [];
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1) readItems(reader, list, items, { ...spot, wire, number });
    else reader.skip(wire);
  }
  return list;
}

function readScalar(reader: Reader, schema: ScalarSchema, spot: TypedSpot): unknown {
  const { wire, number } = spot;
  switch (schema.type) {
    case 'boolean':
      expect(wire, VARINT, number);
      return reader.int64() !== 0;
    case 'int32':
      expect(wire, VARINT, number);
      return reader.int32();
    case 'int64':
      expect(wire, VARINT, number);
      return reader.int64();
    case 'double':
      expect(wire, FIXED64, number);
      return reader.double();
    default:
      expect(wire, BYTES, number);
  }
  if (schema.type === 'string') return reader.text();
  const bytes = reader.bytes();
  if (schema.type === 'bytes') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  return readSpecial(new Reader(bytes), schema, spot);
}

/** A scalar that is a message on the wire; undefined where the message says nothing. */
function readSpecial(reader: Reader, schema: ScalarSchema, spot: TypedSpot): unknown {
  switch (schema.type) {
    case 'quantity':
      return readParts(reader).text(1) || '0';
    case 'intOrString': {
      const parts = readParts(reader);
      return parts.number(1) === 1 ? parts.text(3) : Number(parts.number(2));
    }
    case 'time':
    case 'microTime': {
      const parts = readParts(reader);
      if (parts.empty) return undefined;
      const time = { seconds: Number(parts.number(1)), nanos: Number(parts.number(2)) };
      if (Math.abs(time.seconds) > MAX_SECONDS) throw new ProtobufError('time is out of range');
      return schema.type === 'time' ? showTime(time) : showMicroTime(time);
    }
    default:
      return schema.objects ? readSchemaOrElse(reader, schema.objects, spot) : readJson(reader);
  }
}

/** A Date ends there. */
const MAX_SECONDS = 8_640_000_000_000;

interface Parts {
  readonly empty: boolean;
  readonly text: (number: number) => string;
  readonly number: (number: number) => number | bigint;
}

/** A message of texts and integers only. */
function readParts(reader: Reader): Parts {
  const texts = new Map<number, string>();
  const numbers = new Map<number, number | bigint>();
  const empty = reader.done;
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (wire === BYTES) texts.set(number, reader.text());
    else if (wire === VARINT) numbers.set(number, reader.int64());
    else reader.skip(wire);
  }
  return { empty, text: (number) => texts.get(number) ?? '', number: (number) => numbers.get(number) ?? 0 };
}

/** `raw` at 1 holds JSON. */
function readJson(reader: Reader): unknown {
  let raw: Uint8Array | undefined;
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1 && wire === BYTES) raw = reader.bytes();
    else reader.skip(wire);
  }
  if (raw === undefined || raw.length === 0) return undefined;
  try {
    return parseJson(raw, { repeatedKeys: 'replace' }).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new ProtobufError(error.message, { cause: error });
    throw error;
  }
}

function readSchemaOrElse(reader: Reader, objects: StructSchema, spot: TypedSpot): unknown {
  const list: unknown[] = [];
  let schema: Record<string, unknown> | undefined;
  let allows = false;
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (wire === VARINT) allows = reader.int64() !== 0;
    else if (wire !== BYTES) reader.skip(wire);
    else if (number === 2 && spot.type === 'JSONSchemaPropsOrStringArray') list.push(reader.text());
    else {
      const object: Record<string, unknown> = {};
      readMessage(new Reader(reader.bytes()), object, planOf(objects), spot.depth + 1);
      if (number === 2 && spot.type === 'JSONSchemaPropsOrArray') list.push(object);
      else schema = object;
    }
  }
  if (schema) return schema;
  return spot.type === 'JSONSchemaPropsOrBool' ? allows : list;
}
