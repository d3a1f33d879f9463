import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseYaml, readYaml, stringifyYaml, YamlError } from './yaml.ts';

test('yaml: plain scalars are what kubectl takes them for', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['yes', true],
    ['No', false],
    ['on', true],
    ['OFF', false],
    ['y', true],
    ['n', false],
    ['true', true],
    ['tRue', 'tRue'],
    ['~', null],
    ['null', null],
    ['', null],
    ['0777', 511],
    ['0o777', 511],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['-12', -12],
    ['+12', 12],
    ['1:30', '1:30'],
    ['2020-01-01', '2020-01-01'],
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z'],
    ['1e3', 1000],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['08', 8],
    ['1.2.3', '1.2.3'],
    ['9007199254740993', 9007199254740993n],
    ['9223372036854775808', 9223372036854775808n],
    ['100000000000000000000', 1e20],
    ['0.0.0.0', '0.0.0.0'],
    ['"yes"', 'yes'],
    ["'1'", '1'],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseYaml(`a: ${text}\n`), { a: value }, text);
});

test('yaml: anchors are copied, merge keys merged, other keys become text', () => {
  assert.deepEqual(parseYaml('a: &l {x: "1"}\nb: {<<: *l, z: "2"}\nc: {1: "x", true: "y", __proto__: 1}\n'), {
    a: { x: '1' },
    b: { x: '1', z: '2' },
    c: { 1: 'x', true: 'y', ['__proto__']: 1 },
  });
});

test('yaml: documents are told apart and empty ones left out', () => {
  assert.deepEqual(parseYaml('# one\n---\n# two\n---\na: 1\n---\nb: {\n...\n'), { a: 1 });
  assert.deepEqual(parseYaml('{a: 1} x'), { a: 1 });
  assert.equal(parseYaml('# only\n'), null);
  assert.equal(parseYaml(''), null);
});

test('yaml: what is no YAML, or a bomb, is refused', () => {
  const bomb = [
    'a: &a0 [x]',
    ...Array.from({ length: 12 }, (_, at) => `b${at}: &a${at + 1} [${`*a${at},`.repeat(10)}]`),
  ];
  for (const text of ['a:\n\tb: 1\n', 'a: *nope', 'a: 1\nb', 'a: {b}}\n', bomb.join('\n'), '['.repeat(2000)]) {
    assert.throws(() => parseYaml(text), YamlError, text.slice(0, 40));
  }
});

test('yaml: repeated keys are told of, the last one counts', () => {
  const text = 'a: 1\nb: &b {c: 1, c: 2}\nd:\n- {<<: *b, c: 3}\na:\n  b: x\n';
  assert.deepEqual(readYaml(text), {
    value: { a: { b: 'x' }, b: { c: 2 }, d: [{ c: 3 }] },
    repeated: ['line 2: key "c" already set in map', 'line 6: key "a" already set in map'],
  });
});

test('yaml: JSON survives being written and read', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
      const wanted = JSON.parse(JSON.stringify(value).replaceAll(/-0(?=[,\]}]|$)/g, '0'));
      fc.pre(wanted !== null);
      assert.deepEqual(
        JSON.parse(
          JSON.stringify(parseYaml(stringifyYaml(wanted)), (_k, v) => (typeof v === 'bigint' ? Number(v) : v)),
        ),
        wanted,
      );
    }),
    { numRuns: 50 },
  );
});
