import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonSyntaxError, MAX_JSON_DEPTH, parseJson, stringifyJson } from './json.ts';

test('json: ordinary text is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const { value, duplicates } = parseJson(text);
      const again = JSON.parse(text, (_key, part) => (Object.is(part, -0) ? 0 : part));
      if (duplicates.length === 0 && !/\\ud|\d{16}/.test(text)) assert.deepEqual(value, again);
    }),
  );
});

test('json: integers beyond the safe range survive both ways', () => {
  const text = '{"a":9007199254740993,"b":[-9223372036854775808,1],"c":9007199254740991}';
  const { value } = parseJson(text);
  assert.deepEqual(value, { a: 9007199254740993n, b: [-9223372036854775808n, 1], c: 9007199254740991 });
  assert.equal(stringifyJson(value), text);
});

test('json: repeated keys are named and merge as typed objects do', () => {
  const text =
    '{"metadata":{"name":"a","name":"b","labels":{"x":"1","x":"2"}},"data":{"k":"1","k":"2"},"data":{"l":"3"},"l":[{"a":1,"a":2}]}';
  assert.deepEqual(parseJson(text), {
    value: { metadata: { name: 'b', labels: { x: '2' } }, data: { k: '2', l: '3' }, l: [{ a: 2 }] },
    duplicates: ['metadata.name', 'metadata.labels.x', 'data.k', 'data', 'l[0].a'],
    floats: [],
  });
  assert.deepEqual(parseJson(text, { repeatedKeys: 'replace' }).value, {
    metadata: { name: 'b', labels: { x: '2' } },
    data: { l: '3' },
    l: [{ a: 2 }],
  });
});

test('json: whole numbers in float form are named', () => {
  assert.deepEqual(parseJson('{"a":1.0,"b":[1e2,1.5,7],"c":"1.0"}').floats, ['a', 'b[0]']);
  assert.equal(Object.is((parseJson('{"a":-0}').value as { a: number }).a, 0), true);
});

test('json: __proto__ is a key like any other', () => {
  for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1},"n":9007199254740993}']) {
    const { value } = parseJson(text);
    assert.deepEqual(Object.keys(value as object)[0], '__proto__');
    assert.equal(stringifyJson(value), text);
  }
});

test('json: lone surrogates and broken UTF-8 become U+FFFD', () => {
  assert.deepEqual(parseJson('{"k":"\\ud83d","v":"\\ud83d\\ude00","w":"\\ude00\\ud83d"}').value, {
    k: '\ufffd',
    v: '😀',
    w: '\ufffd\ufffd',
  });
  assert.deepEqual(parseJson(Buffer.from([0x22, 0xff, 0x22])).value, '\ufffd');
});

test('json: text that is no JSON is refused', () => {
  for (const text of [
    '',
    '{',
    '}',
    'x',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":NaN}',
    '{} x',
    '"\u0001"',
    "{'a':1}",
  ]) {
    assert.throws(() => parseJson(text), JsonSyntaxError, text);
  }
  assert.throws(() => parseJson(Buffer.from('\ufeff{}')), JsonSyntaxError);
  assert.throws(() => parseJson('{"a":1e400}'), JsonSyntaxError);
  assert.throws(() => parseJson('{"a"'), { message: 'unexpected end of JSON input' });
});

test('json: depth has a limit', () => {
  assert.throws(() => parseJson('['.repeat(MAX_JSON_DEPTH + 1)), { message: /max depth/ });
  assert.ok(parseJson('['.repeat(MAX_JSON_DEPTH) + ']'.repeat(MAX_JSON_DEPTH)));
});
