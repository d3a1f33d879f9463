import type { StructSchema } from '../schema/schema.ts';
import { encodeMessage } from './protobuf-encode.ts';
import { decodeMessage } from './protobuf-decode.ts';
import { BackwardWriter, BYTES, ProtobufError, Reader } from './protobuf-wire.ts';

export { ProtobufError } from './protobuf-wire.ts';

/** An object in the envelope of the API: `k8s\0` and a runtime.Unknown. */
export interface Unknown {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
  readonly contentEncoding: string;
  readonly contentType: string;
}

export const PROTOBUF_MAGIC: Uint8Array = Buffer.from('k8s\0');

/** Longer messages are refused, whatever the limit of the caller. */
export const MAX_PROTOBUF_BYTES = 256 * 1024 * 1024;

/** The message of an object, without envelope; apiVersion and kind are not in it. */
export function encodeProtobuf(schema: StructSchema, object: unknown): Uint8Array {
  return encodeMessage(schema, object);
}

/** The object of a message, in its served form, without apiVersion and kind. Throws ProtobufError. */
export function decodeProtobuf(schema: StructSchema, bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > MAX_PROTOBUF_BYTES) throw new ProtobufError(`message is longer than ${MAX_PROTOBUF_BYTES} bytes`);
  return decodeMessage(schema, bytes);
}

/** An object in its envelope, as bodies of requests and answers carry it. */
export function encodeEnveloped(
  schema: StructSchema,
  object: { readonly apiVersion?: string; readonly kind?: string },
): Uint8Array {
  return wrapUnknown(object.apiVersion ?? '', object.kind ?? '', encodeProtobuf(schema, object));
}

export function wrapUnknown(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const writer = new BackwardWriter();
  for (const number of [4, 3]) {
    writer.text('');
    writer.tag(number, BYTES);
  }
  writer.raw(raw);
  writer.varint(raw.length);
  writer.tag(2, BYTES);
  const before = writer.length;
  writer.text(kind);
  writer.tag(2, BYTES);
  writer.text(apiVersion);
  writer.tag(1, BYTES);
  writer.varint(writer.length - before);
  writer.tag(1, BYTES);
  writer.raw(PROTOBUF_MAGIC);
  return writer.finish();
}

/** Whether bytes begin as an envelope does. */
export function isEnveloped(bytes: Uint8Array): boolean {
  return bytes.length >= PROTOBUF_MAGIC.length && PROTOBUF_MAGIC.every((byte, at) => bytes[at] === byte);
}

/** Opens an envelope. Throws ProtobufError. */
export function unwrapUnknown(bytes: Uint8Array): Unknown {
  if (!isEnveloped(bytes)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const reader = new Reader(bytes.subarray(PROTOBUF_MAGIC.length));
  const texts = new Map<number, string>();
  let raw: Uint8Array = new Uint8Array();
  let type = { apiVersion: '', kind: '' };
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (wire !== BYTES || number > 4) reader.skip(wire);
    else if (number === 1) type = readTypeMeta(reader.bytes());
    else if (number === 2) raw = reader.bytes();
    else texts.set(number, reader.text());
  }
  return { ...type, raw, contentEncoding: texts.get(3) ?? '', contentType: texts.get(4) ?? '' };
}

function readTypeMeta(bytes: Uint8Array): { apiVersion: string; kind: string } {
  const reader = new Reader(bytes);
  const type = { apiVersion: '', kind: '' };
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (wire !== BYTES) reader.skip(wire);
    else if (number === 1) type.apiVersion = reader.text();
    else if (number === 2) type.kind = reader.text();
    else reader.skip(wire);
  }
  return type;
}

/** A meta/v1 WatchEvent without envelope; `object` is an enveloped object. The caller frames it by its length. */
export function encodeWatchEvent(type: string, object: Uint8Array): Uint8Array {
  const writer = new BackwardWriter();
  const before = writer.length;
  writer.raw(object);
  writer.varint(object.length);
  writer.tag(1, BYTES);
  writer.varint(writer.length - before);
  writer.tag(2, BYTES);
  writer.text(type);
  writer.tag(1, BYTES);
  return writer.finish();
}

/** Throws ProtobufError. */
export function decodeWatchEvent(bytes: Uint8Array): { readonly type: string; readonly object: Uint8Array } {
  const reader = new Reader(bytes);
  let type = '';
  let object: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1 && wire === BYTES) type = reader.text();
    else if (number === 2 && wire === BYTES) object = readRaw(reader.bytes());
    else reader.skip(wire);
  }
  return { type, object };
}

function readRaw(bytes: Uint8Array): Uint8Array {
  const reader = new Reader(bytes);
  let raw: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1 && wire === BYTES) raw = reader.bytes();
    else reader.skip(wire);
  }
  return raw;
}
