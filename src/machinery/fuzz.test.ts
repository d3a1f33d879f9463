import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeFieldSet, encodeFieldSet, sameSet } from './apply/field-set.ts';
import { decodeObject } from './codec/decode.ts';
import { JsonSyntaxError, parseJson, stringifyJson } from './codec/json.ts';
import { decodeProtobuf, encodeProtobuf, ProtobufError, unwrapUnknown } from './codec/protobuf.ts';
import { parseYaml, stringifyYaml, YamlError } from './codec/yaml.ts';
import { applyJsonPatch, parseJsonPatch } from './patch/json-patch.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { applyStrategicMergePatch } from './patch/strategic-merge.ts';
import { parseQuantity, QuantityError, showQuantity } from './quantity.ts';
import { kindSchema } from './schema/facts.ts';
import { parseFieldSelector } from './selectors/fields.ts';
import { matchesLabels, parseLabelSelector, SelectorError, showLabelSelector } from './selectors/labels.ts';
import { StatusError } from './status.ts';

/** Every run tries the same inputs: a failure can be looked at again. */
const RUNS = { numRuns: 300, seed: 20_260_412 };
const POD = kindSchema('', 'v1', 'Pod');
const OPTIONS = { fieldValidation: 'Strict', kind: 'Pod', apiVersion: 'v1' } as const;

type ErrorClass = abstract new (...parameters: never[]) => Error;

/** Runs a reader of what strangers sent: it may refuse, with these errors and no others. */
function refusing<T>(allowed: readonly ErrorClass[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.ok(
      allowed.some((one) => error instanceof one),
      String(error instanceof Error ? error.stack : error),
    );
    return undefined;
  } finally {
    assert.deepEqual(Object.keys(Object.prototype), []);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  }
}

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'metadata',
  'labels',
  'spec',
  'containers',
  'name',
  'polluted',
  '$patch',
  '$setElementOrder/containers',
  '$deleteFromPrimitiveList/finalizers',
  '$retainKeys',
];
const name = fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 6 }));
const scalar = fc.oneof(
  fc.string({ maxLength: 8, unit: 'binary' }),
  fc.integer(),
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('delete', 'replace', 'merge'),
);
/** JSON values whose keys are those that merges and prototypes care for; made by parsing, as a request's are. */
const value = fc
  .letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.array(tie('any'), { maxLength: 4 }),
      fc.array(fc.tuple(name, tie('any')), { maxLength: 5 }).map((pairs) => ({ pairs })),
    ),
  }))
  .any.map((made) => parseJson(jsonOf(made)).value);

function jsonOf(made: unknown): string {
  if (Array.isArray(made)) return `[${made.map(jsonOf).join(',')}]`;
  if (made === null || typeof made !== 'object') return JSON.stringify(made);
  const { pairs } = made as { readonly pairs: readonly (readonly [string, unknown])[] };
  return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${jsonOf(item)}`).join(',')}}`;
}

/** A text of the language with some of it cut, doubled or replaced. */
const damaged = (texts: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...texts), fc.nat(), fc.nat(20), fc.string({ maxLength: 5, unit: 'binary' }))
    .map(([text, at, length, put]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + put + text.slice(start + length);
    });

const DOCUMENTS = [
  '{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"\\ud83d\\ude00"}},"spec":{"containers":[{"name":"c","ports":[{"containerPort":80}]}]}}',
  '{"a":9007199254740993,"a":1.0e3,"b":[[],{}],"__proto__":{"polluted":1}}',
];

test('fuzz: JSON is read as JSON.parse reads it or refused, and large integers survive', () => {
  fc.assert(
    fc.property(damaged(DOCUMENTS), (text) => void refusing([JsonSyntaxError], () => parseJson(text))),
    RUNS,
  );
  fc.assert(
    fc.property(value, (each) => assert.deepEqual(parseJson(stringifyJson(each)).value, each)),
    RUNS,
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (each) => {
      assert.equal(stringifyJson(parseJson(`{"a":${each}}`).value), `{"a":${each}}`);
    }),
    RUNS,
  );
});

test('fuzz: YAML is read or refused, and reads what it writes', () => {
  const texts = [
    'a: &a {b: 1, <<: {c: d}}\ne: *a\n',
    '- !!int "1"\n- |\n  x\n- {a: [b, ~]}\n',
    '? a\n: b\n---\n"\\x41": 0o7\n',
    ...DOCUMENTS,
  ];
  fc.assert(
    fc.property(damaged(texts), (text) => void refusing([YamlError], () => parseYaml(text))),
    RUNS,
  );
  fc.assert(
    fc.property(value, (each) => assert.deepEqual(parseYaml(stringifyYaml(each)), each)),
    RUNS,
  );
});

test('fuzz: objects are decoded or refused', () => {
  fc.assert(
    fc.property(value, (each) => void refusing([StatusError], () => decodeObject(each, POD, OPTIONS))),
    RUNS,
  );
});

test('fuzz: protobuf is decoded or refused', () => {
  const { object } = decodeObject(parseJson(DOCUMENTS[0] ?? '').value, POD, OPTIONS);
  const sound = encodeProtobuf(POD, object);
  const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(changes, fc.nat(sound.length), (put, length) => {
      const bytes = Uint8Array.from(sound);
      for (const [at, byte] of put) bytes[at] = byte;
      refusing([ProtobufError], () => decodeProtobuf(POD, bytes.subarray(0, length)));
    }),
    RUNS,
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      refusing([ProtobufError], () => decodeProtobuf(POD, bytes));
      refusing([ProtobufError], () => unwrapUnknown(Buffer.concat([Buffer.from('k8s\0'), bytes])));
    }),
    RUNS,
  );
});

test('fuzz: patches make a document or are refused', () => {
  const path = fc
    .array(fc.oneof(name, fc.constantFrom('0', '-', '-1', '01', '1e3')), { maxLength: 4 })
    .map((parts) => parts.map((part) => `/${part}`).join(''));
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'none'),
    path,
    from: path,
    value,
  });
  fc.assert(
    fc.property(value, fc.array(operation, { maxLength: 6 }), (document, list) => {
      const frozen = stringifyJson(document);
      refusing([StatusError], () => applyJsonPatch(document, parseJsonPatch(stringifyJson(list))));
      assert.equal(stringifyJson(document), frozen);
    }),
    RUNS,
  );
  fc.assert(
    fc.property(value, value, (document, patch) => {
      const frozen = stringifyJson(document);
      refusing([StatusError], () => applyMergePatch(document, patch));
      refusing([StatusError], () => applyStrategicMergePatch(document, patch, POD));
      assert.equal(stringifyJson(document), frozen);
    }),
    RUNS,
  );
});

test('fuzz: selectors and quantities are read or refused, and read what they write', () => {
  const selectors = ['a in (b,c),!d,e!=f,g>1', 'example.com/a==b', 'a,b notin (c)'];
  fc.assert(
    fc.property(damaged(selectors), (text) => {
      const found = refusing([SelectorError], () => parseLabelSelector(text));
      if (!found) return;
      matchesLabels(found, { a: 'b' });
      assert.deepEqual(parseLabelSelector(showLabelSelector(found)), found);
    }),
    RUNS,
  );
  fc.assert(
    fc.property(
      damaged(['a=b,c!=d,e==f\\,g']),
      (text) => void refusing([SelectorError], () => parseFieldSelector(text)),
    ),
    RUNS,
  );
  fc.assert(
    fc.property(damaged(['1.5Gi', '-100m', '1e3', '12E', '+.5Ki', '9999999999999999999999999']), (text) => {
      const found = refusing([QuantityError], () => parseQuantity(text));
      if (found) assert.equal(showQuantity(parseQuantity(showQuantity(found))), showQuantity(found));
    }),
    RUNS,
  );
});

test('fuzz: sets of fields are read or refused, and read what they write', () => {
  const element = fc.oneof(
    fc.constantFrom('.', 'f:a', 'f:__proto__', 'v:"x"', 'v:1', 'i:0', 'k:{"name":"a"}', 'k:[]', 'v:{', 'x', 'i:x'),
    fc.string({ maxLength: 4 }),
  );
  const fields = fc.letrec((tie) => ({
    set: fc
      .array(fc.tuple(element, fc.oneof({ maxDepth: 4 }, fc.constant({ pairs: [] }), tie('set'), scalar)), {
        maxLength: 4,
      })
      .map((pairs) => ({ pairs })),
  })).set;
  fc.assert(
    fc.property(fields, (made) => {
      const found = refusing([Error], () => decodeFieldSet(parseJson(jsonOf(made)).value));
      if (found) assert.ok(sameSet(decodeFieldSet(encodeFieldSet(found)), found));
    }),
    RUNS,
  );
});
