import type { FieldSchema, ListSchema, ScalarSchema, Schema, StructSchema } from '../schema/schema.ts';
import { readTime } from '../time.ts';
import { stringifyJson } from './json.ts';
import { type MessagePlan, planOf } from './protobuf-plan.ts';
import { BackwardWriter, BYTES, FIXED64, VARINT } from './protobuf-wire.ts';

/** Writes a message as Go does: numbers ascending, every scalar that is no pointer, maps by key. */
export function encodeMessage(schema: StructSchema, object: unknown): Uint8Array {
  const writer = new BackwardWriter();
  writeMessage(writer, asObject(object), planOf(schema));
  return writer.finish();
}

type Json = Readonly<Record<string, unknown>>;

const EMPTY: Json = Object.freeze({});

function asObject(value: unknown): Json {
  return value !== null && typeof value === 'object' ? (value as Json) : EMPTY;
}

function writeMessage(writer: BackwardWriter, object: Json, plan: MessagePlan): void {
  for (let at = plan.entries.length - 1; at >= 0; at--) {
    const entry = plan.entries[at];
    if (!entry) continue;
    if ('embedded' in entry) {
      const before = writer.length;
      writeMessage(writer, object, entry.embedded);
      close(writer, before, entry.number);
    } else {
      const { name } = entry.field;
      writeField(writer, Object.hasOwn(object, name) ? object[name] : undefined, entry.field, entry);
    }
  }
}

function close(writer: BackwardWriter, before: number, number: number): void {
  writer.varint(writer.length - before);
  writer.tag(number, BYTES);
}

function writeField(writer: BackwardWriter, value: unknown, field: FieldSchema, { number, type }: Slot): void {
  const { schema } = field;
  if (schema.kind === 'list') writeList(writer, value, schema, { number, type });
  else if (schema.kind === 'map') {
    const map = asObject(value);
    for (const key of Object.keys(map).sort(byBytes).reverse()) {
      const before = writer.length;
      // Go leaves nil bytes out even inside an entry.
      if (map[key] !== null || !isBytes(schema.values))
        writeValue(writer, map[key], schema.values, { number: 2, type });
      writer.text(key);
      writer.tag(1, BYTES);
      close(writer, before, number);
    }
  } else if (value !== undefined && value !== null) writeValue(writer, value, schema, { number, type });
  else if (!isPointer(field)) writeUnset(writer, schema, number, type);
}

/** A `null` that is no list, map or time is a pointer too. */
function isPointer({ zero, schema }: FieldSchema): boolean {
  if (zero !== 'null') return zero === 'pointer';
  return (
    schema.kind === 'struct' || (schema.kind === 'scalar' && schema.type !== 'time' && schema.type !== 'microTime')
  );
}

function isBytes(schema: Schema): boolean {
  return schema.kind === 'scalar' && schema.type === 'bytes';
}

/** Go orders keys by their bytes. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

interface Slot {
  readonly number: number;
  /** Last part of the name of the message. */
  readonly type: string;
}

function writeList(writer: BackwardWriter, value: unknown, schema: ListSchema, slot: Slot): void {
  if (!Array.isArray(value)) return;
  for (let at = value.length - 1; at >= 0; at--) writeValue(writer, value[at], schema.items, slot);
}

/** A field that is no pointer is written even when nobody set it, except bytes. */
function writeUnset(writer: BackwardWriter, schema: Schema, number: number, type: string): void {
  if (schema.kind === 'scalar') {
    if (schema.type === 'bytes') return;
    if (isMessage(schema) && schema.type !== 'quantity' && schema.type !== 'intOrString') {
      close(writer, writer.length, number);
      return;
    }
  }
  writeValue(writer, undefined, schema, { number, type });
}

function isMessage({ type }: ScalarSchema): boolean {
  return !['string', 'boolean', 'int32', 'int64', 'double', 'bytes'].includes(type);
}

function writeValue(writer: BackwardWriter, value: unknown, schema: Schema, { number, type }: Slot): void {
  if (schema.kind === 'struct') {
    const before = writer.length;
    writeMessage(writer, asObject(value), planOf(schema));
    close(writer, before, number);
  } else if (schema.kind === 'list') {
    // A list inside a map is a message of its own (ExtraValue) with the items at 1.
    const before = writer.length;
    writeList(writer, value, schema, { number: 1, type: '' });
    close(writer, before, number);
  } else if (schema.kind === 'scalar') writeScalar(writer, value, schema, { number, type });
}

function writeScalar(writer: BackwardWriter, value: unknown, schema: ScalarSchema, slot: Slot): void {
  const { number } = slot;
  switch (schema.type) {
    case 'string':
      writer.text(typeof value === 'string' ? value : '');
      writer.tag(number, BYTES);
      return;
    case 'boolean':
      writer.varint(value === true ? 1 : 0);
      writer.tag(number, VARINT);
      return;
    case 'int32':
    case 'int64':
      writer.signed(integer(value));
      writer.tag(number, VARINT);
      return;
    case 'double':
      writer.double(Number(value ?? 0));
      writer.tag(number, FIXED64);
      return;
    case 'bytes':
      writeBytes(writer, Buffer.from(typeof value === 'string' ? value : '', 'base64'), number);
      return;
    default: {
      const before = writer.length;
      writeSpecial(writer, value, schema, slot.type);
      close(writer, before, number);
    }
  }
}

function integer(value: unknown): number | bigint {
  return typeof value === 'number' || typeof value === 'bigint' ? value : 0;
}

function writeBytes(writer: BackwardWriter, bytes: Uint8Array, number: number): void {
  writer.raw(bytes);
  writer.varint(bytes.length);
  writer.tag(number, BYTES);
}

/** The inside of a scalar that is a message on the wire. */
function writeSpecial(writer: BackwardWriter, value: unknown, schema: ScalarSchema, type: string): void {
  switch (schema.type) {
    case 'quantity':
      writer.text(typeof value === 'string' ? value : '0');
      writer.tag(1, BYTES);
      return;
    case 'intOrString':
      writer.text(typeof value === 'string' ? value : '');
      writer.tag(3, BYTES);
      writer.signed(integer(value));
      writer.tag(2, VARINT);
      writer.varint(typeof value === 'string' ? 1 : 0);
      writer.tag(1, VARINT);
      return;
    case 'time':
    case 'microTime':
      writeTime(writer, value, schema.type);
      return;
    default:
      if (schema.objects) writeSchemaOrElse(writer, value, schema.objects, type);
      else if (value !== undefined) writeBytes(writer, Buffer.from(stringifyJson(value)), 1);
  }
}

function writeTime(writer: BackwardWriter, value: unknown, type: 'time' | 'microTime'): void {
  const time = typeof value === 'string' ? readTime(value) : undefined;
  if (!time) return;
  writer.varint(type === 'time' ? 0 : time.nanos);
  writer.tag(2, VARINT);
  writer.signed(time.seconds);
  writer.tag(1, VARINT);
}

/** JSONSchemaPropsOrBool, OrArray and OrStringArray: a schema or something else, at different numbers. */
function writeSchemaOrElse(writer: BackwardWriter, value: unknown, objects: StructSchema, type: string): void {
  const schemaNumber = type === 'JSONSchemaPropsOrBool' ? 2 : 1;
  const writeSchema = (item: unknown, number: number): void => {
    const before = writer.length;
    writeMessage(writer, asObject(item), planOf(objects));
    close(writer, before, number);
  };
  if (Array.isArray(value)) {
    for (const item of value.toReversed()) {
      if (typeof item !== 'string') writeSchema(item, 2);
      else {
        writer.text(item);
        writer.tag(2, BYTES);
      }
    }
    return;
  }
  const isSchema = value !== null && typeof value === 'object';
  if (isSchema) writeSchema(value, schemaNumber);
  if (type !== 'JSONSchemaPropsOrBool') return;
  writer.varint(isSchema || value === true ? 1 : 0);
  writer.tag(1, VARINT);
}
