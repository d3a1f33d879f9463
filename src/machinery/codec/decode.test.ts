import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindSchema } from '../schema/facts.ts';
import { decodeObject, type FieldValidation } from './decode.ts';
import { parseJson } from './json.ts';

function decode(text: string, fieldValidation: FieldValidation = 'Strict') {
  const { value, duplicates, floats } = parseJson(text);
  const { apiVersion, kind } = value as { apiVersion: string; kind: string };
  const slash = apiVersion.indexOf('/');
  const schema = kindSchema(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
  return decodeObject(value, schema, { fieldValidation, duplicates, floats, kind, apiVersion });
}

function deployment(spec: string): string {
  return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{${spec}}}`;
}

const HANDLED = 'Deployment in version "v1" cannot be handled as a Deployment: ';

test('decode: types are checked in the words of Go', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['"replicas":"1"', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      '"replicas":1.5',
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '"replicas":2147483648',
      'json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    ['"paused":1', 'json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      '"template":{"spec":{"containers":{}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      '"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ];
  for (const [spec, message] of cases) {
    assert.throws(() => decode(deployment(spec)), { message: HANDLED + message, code: 400, reason: 'BadRequest' });
  }
  for (const spec of ['"replicas":1.0', '"replicas":1e2', '"replicas":10000000000000000000000', '"replicas":[]']) {
    assert.throws(() => decode(deployment(spec)), { code: 400 }, spec);
  }
});

test('decode: unknown and repeated fields are told, warned of or dropped', () => {
  const text =
    '{"apiVersion":"v1","kind":"ConfigMap","oops":1,"Metadata":{},"metadata":{"name":"a","foo":1,"labels":{"x":"1","x":"2"}}}';
  const problems = [
    'unknown field "oops"',
    'unknown field "Metadata"',
    'unknown field "metadata.foo"',
    'duplicate field "metadata.labels.x"',
  ];
  assert.throws(() => decode(text), {
    message: `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ${problems.join(', ')}`,
  });
  assert.deepEqual(decode(text, 'Warn').warnings, problems);
  assert.deepEqual(decode(text, 'Ignore'), {
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: { x: '2' } } },
    warnings: [],
  });
});

test('decode: absent and zero values have their served form', () => {
  const { object } = decode(
    deployment(
      '"paused":false,"replicas":0,"template":{"spec":{"containers":[{"name":"c","image":"","args":[null],"env":[],"resources":{"limits":{"cpu":0.5,"memory":null}}}],"hostNetwork":false}},"strategy":null',
    ),
  );
  assert.deepEqual(object, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      replicas: 0,
      selector: null,
      strategy: {},
      template: {
        metadata: {},
        spec: { containers: [{ name: 'c', args: [''], resources: { limits: { cpu: '500m', memory: '0' } } }] },
      },
    },
    status: {},
  });
});

test('decode: null is an empty object, other things are none', () => {
  const schema = kindSchema('', 'v1', 'ConfigMap');
  const options = { fieldValidation: 'Strict', kind: 'ConfigMap', apiVersion: 'v1' } as const;
  assert.deepEqual(decodeObject(null, schema, options).object, { metadata: {} });
  for (const value of [[], true, 5, 'x']) assert.throws(() => decodeObject(value, schema, options), { code: 400 });
});

test('decode: micro times have six digits, times whole seconds', () => {
  const lease = (time: string) =>
    decode(
      `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},"spec":{"acquireTime":${time}}}`,
    );
  assert.deepEqual((lease('"2020-01-01T00:00:00.123456Z"').object as { spec?: unknown }).spec, {
    acquireTime: '2020-01-01T00:00:00.123456Z',
  });
  for (const bad of [
    '"2020-01-01T00:00:00Z"',
    '"2020-01-01T00:00:00.1Z"',
    '""',
    '5',
    '"2020-13-01T00:00:00.000000Z"',
  ]) {
    assert.throws(() => lease(bad), { code: 400 }, bad);
  }
  const event = decode(
    '{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{},"firstTimestamp":"2020-01-01T00:00:00.5+02:00"}',
  );
  assert.equal((event.object as { firstTimestamp?: unknown }).firstTimestamp, '2019-12-31T22:00:00Z');
});

test('decode: bytes are base64', () => {
  const secret = (data: string) =>
    decode(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"k":${data}}}`);
  assert.deepEqual((secret('"YWJj"').object as { data?: unknown }).data, { k: 'YWJj' });
  for (const bad of ['"a"', '"%%%%"', '1']) assert.throws(() => secret(bad), { code: 400 }, bad);
});

test('decode: 64-bit integers keep every digit', () => {
  const { object } = decode(
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[],"terminationGracePeriodSeconds":9223372036854775807}}',
  );
  assert.equal(
    (object as { spec?: { terminationGracePeriodSeconds?: unknown } }).spec?.terminationGracePeriodSeconds,
    9223372036854775807n,
  );
});

test('decode: a key __proto__ stays a key', () => {
  const { object } = decode('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"__proto__":"x"}}');
  assert.deepEqual(Object.entries((object as unknown as { data: object }).data), [['__proto__', 'x']]);
});
