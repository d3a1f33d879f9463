import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { semanticEqual } from '../equality.ts';
import { kindSchema, typeNames, typeSchema } from '../schema/facts.ts';
import type { Schema } from '../schema/schema.ts';
import { normalizeZero } from './decode.ts';
import {
  decodeProtobuf,
  decodeWatchEvent,
  encodeEnveloped,
  encodeProtobuf,
  encodeWatchEvent,
  ProtobufError,
  unwrapUnknown,
} from './protobuf.ts';

test('protobuf: bytes are those that Go writes', () => {
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', labels: { b: '2', a: '1' } },
    data: { k: 'v' },
  };
  assert.equal(
    Buffer.from(encodeEnveloped(kindSchema('', 'v1', 'ConfigMap'), configMap)).toString('base64'),
    'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEisKIQoBYRIAGgAiACoAMgA4AEIAWgYKAWESATFaBgoBYhIBMhIGCgFrEgF2GgAiAA==',
  );
});

test('protobuf: every type survives the way there and back', () => {
  for (const name of typeNames()) {
    const schema = typeSchema(name);
    if (schema.kind !== 'struct' || ![...schema.fields.values()].some(({ proto }) => proto)) continue;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const random = generator(seed);
        const object = normalizeZero(sample(schema, random, 0) as Record<string, unknown>, schema);
        const back = decodeProtobuf(schema, encodeProtobuf(schema, object));
        assert.ok(semanticEqual(back, object), `${name}\n${show(object)}\n${show(back)}`);
      }),
      { numRuns: 3 },
    );
  }
});

test('protobuf: broken bytes are refused and never loop', () => {
  const schema = kindSchema('', 'v1', 'Pod');
  const bytes = encodeProtobuf(schema, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(bytes.length), (at, byte, cut) => {
      const broken = Uint8Array.from(bytes.subarray(0, cut));
      if (at < broken.length) broken[at] = byte;
      try {
        decodeProtobuf(schema, broken);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
  );
  assert.throws(() => unwrapUnknown(Buffer.from('{}')), ProtobufError);
});

test('protobuf: an envelope and a watch event open again', () => {
  const schema = kindSchema('', 'v1', 'ConfigMap');
  const event = decodeWatchEvent(
    encodeWatchEvent('ADDED', encodeEnveloped(schema, { apiVersion: 'v1', kind: 'ConfigMap' })),
  );
  assert.equal(event.type, 'ADDED');
  const { apiVersion, kind } = unwrapUnknown(event.object);
  assert.deepEqual({ apiVersion, kind }, { apiVersion: 'v1', kind: 'ConfigMap' });
});

function show(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}

function generator(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

const SCALARS: Readonly<Record<string, readonly unknown[]>> = {
  string: ['x', 'é', '😀'],
  boolean: [true, false],
  int32: [1, -5, 2147483647, 0],
  int64: [1, -1, 9007199254740993n, -9223372036854775808n],
  double: [1.5, -2],
  bytes: ['YWJj', ''],
  time: ['2020-01-01T00:00:00Z', '1960-01-01T00:00:00Z'],
  microTime: ['2020-01-01T00:00:00.123456Z'],
  quantity: ['1', '500m', '1Gi'],
  intOrString: [1, 'http', 0],
  fieldsV1: [{ 'f:spec': {} }],
  rawExtension: [{ a: 1 }],
  object: [{ a: 1 }],
  any: [{ type: 'x' }],
};

function sample(schema: Schema, random: (below: number) => number, depth: number): unknown {
  if (schema.kind === 'scalar') {
    const values = SCALARS[schema.type] ?? [];
    return values[random(values.length)];
  }
  if (schema.kind === 'list')
    return Array.from({ length: 1 + random(2) }, () => sample(schema.items, random, depth + 1));
  if (schema.kind === 'map') return { k: sample(schema.values, random, depth + 1) };
  const object: Record<string, unknown> = {};
  for (const field of schema.fields.values()) {
    if (field.proto && depth < 6 && random(3) > 0) object[field.name] = sample(field.schema, random, depth + 1);
  }
  return object;
}
