import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient } from '#client/create-client.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { type RawAnswer, RawClient, type RawRequest } from '../support/raw-client.ts';

/** No request may hold the event loop longer; measured as processor time, since tests share the machine. */
const MAX_HELD_MS = 1_000;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const TOO_LARGE = 'x'.repeat(3 * 1024 * 1024 + 1);
const PATCH_TYPES = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'];

/** What an answer has to be: its code and, of an error, reason and fields of its causes. */
type Wanted = readonly [code: number, reason?: string, ...fields: string[]];
type Row = readonly [what: string, request: RawRequest, wanted: Wanted];

const nested = (depth: number, value = '1') => `${'{"a":'.repeat(depth)}${value}${'}'.repeat(depth)}`;
const repeat = (count: number, each: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => each(at)).join(',');
const configMap = (name: string, rest = '') =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"}${rest}}`;
const pod = (name: string, container: string) =>
  `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}"},"spec":{"containers":[{"name":"c","image":"i"${container}}]}}`;

const get = (path: string, headers = {}): RawRequest => ({ method: 'GET', path, headers });
const post = (body: string | Uint8Array, type = 'json', path = `${CONFIG_MAPS}?dryRun=All`): RawRequest => ({
  method: 'POST',
  path,
  body,
  headers: { 'content-type': `application/${type}` },
});
const patch = (type: string, body: string | Uint8Array): RawRequest => ({
  method: 'PATCH',
  path: `${CONFIG_MAPS}/a?dryRun=All&fieldManager=test`,
  body,
  headers: { 'content-type': `application/${type}` },
});
const PROTOBUF = 'vnd.kubernetes.protobuf';
const BAD: Wanted = [400, 'BadRequest'];
const UNNAMED: Wanted = [422, 'Invalid', 'metadata.name'];

describe('hostile input', () => {
  let api: TestApiServer;
  let client: RawClient;

  before(async () => {
    api = await startApiServer();
    client = await RawClient.connect(api);
    const admin = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
    await admin.create(serviceAccount, { metadata: { name: 'default', namespace: 'default' } });
    assert.equal(
      (await client.send({ method: 'POST', path: CONFIG_MAPS, body: configMap('a', ',"data":{"k":"v"}') })).code,
      201,
    );
  });

  after(async () => {
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  async function send(what: string, request: RawRequest): Promise<RawAnswer> {
    const before = process.threadCpuUsage();
    const answer = await client.send(request);
    const { user, system } = process.threadCpuUsage(before);
    assert.ok((user + system) / 1000 < MAX_HELD_MS, `${what}: took ${(user + system) / 1000} ms`);
    return answer;
  }

  async function check(rows: readonly Row[]): Promise<void> {
    for (const [what, request, [code, reason, ...fields]] of rows) {
      const { status, ...answer } = await send(what, request);
      const shown = `${what}: ${answer.bytes.subarray(0, 500)}`;
      assert.equal(answer.code, code, shown);
      if (reason === undefined) continue;
      assert.deepEqual([status.kind, status.apiVersion, status.status], ['Status', 'v1', 'Failure'], shown);
      assert.deepEqual([status.code, status.reason], [code, reason], shown);
      assert.doesNotMatch(status.message ?? '', /call stack|Internal error/, shown);
      if (fields.length > 0)
        assert.deepEqual(
          status.details?.causes?.map(({ field }) => field),
          fields,
          shown,
        );
    }
    const ready = await client.send(get('/readyz'));
    assert.equal(ready.code, 200);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  }

  test('bodies beyond the limit are refused with an answer, in every media type and verb', async () => {
    const limit: Wanted = [413, 'RequestEntityTooLarge'];
    const announced = { ...post(TOO_LARGE), headers: { 'content-length': String(TOO_LARGE.length) } };
    await check([
      ['JSON', post(TOO_LARGE), limit],
      ['announced', announced, limit],
      ['YAML', post(TOO_LARGE, 'yaml'), limit],
      ['protobuf', post(TOO_LARGE, PROTOBUF), limit],
      ...PATCH_TYPES.map((type): Row => [type, patch(type, TOO_LARGE), limit]),
      ['update', { method: 'PUT', path: `${CONFIG_MAPS}/a`, body: TOO_LARGE }, limit],
      ['delete', { method: 'DELETE', path: `${CONFIG_MAPS}/a`, body: TOO_LARGE }, limit],
      ['review', post(TOO_LARGE, 'json', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'), limit],
      [
        'larger than the store takes',
        post(
          configMap(
            'b',
            `,"x":1,"metadata":{"name":"b","annotations":{},"finalizers":[${repeat(60_000, (at) => `"example.com/f${at}"`)}]}`,
          ),
          'json',
          CONFIG_MAPS,
        ),
        limit,
      ],
    ]);
  });

  test('JSON that is empty, cut off, of the wrong type, deep or repetitive', async () => {
    await check([
      ['empty', post(''), BAD],
      ['cut off', post('{"a'), BAD],
      ['a list', post('[]'), BAD],
      ['a number', post('1'), BAD],
      ['kind of the wrong type', post('{"kind":[]}'), BAD],
      ['metadata of the wrong type', post('{"metadata":[]}'), BAD],
      ['labels of the wrong type', post('{"metadata":{"labels":{"a":1}}}'), BAD],
      ['data of the wrong type', post(configMap('b', ',"data":{"a":{}}')), BAD],
      ['another kind', post('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}'), BAD],
      ['another group', post('{"apiVersion":"apps/v1","kind":"ConfigMap","metadata":{"name":"a"}}'), BAD],
      ['10,001 deep', post(nested(10_001)), BAD],
      ['a million deep', post('['.repeat(1_000_000)), BAD],
      ['deep where nobody looks', post(configMap('b', `,"x":${nested(5_000)}`)), [201]],
      ['deep in what is decoded', post(`{"metadata":{"managedFields":[{"fieldsV1":${nested(5_000, '{}')}}]}}`), BAD],
      ['one key 500,000 times', post(`{${repeat(500_000, () => '"a":1')}}`), UNNAMED],
      [
        '200,000 unknown keys',
        post(
          configMap('b', `,${repeat(200_000, (at) => `"k${at}":1`)}`),
          'json',
          `${CONFIG_MAPS}?dryRun=All&fieldValidation=Strict`,
        ),
        BAD,
      ],
      ['100,000 labels', post(`{"metadata":{"labels":{${repeat(100_000, (at) => `"k${at}":"v"`)}}}}`), UNNAMED],
      ['digits without end', post(configMap('b', `,"x":${'9'.repeat(2_000_000)}`)), BAD],
      ['backslashes without end', post(`{"a":"${'\\"'.repeat(1_400_000)}`), BAD],
      [
        'a repeated key, strictly',
        post(configMap('b', ',"data":{"a":"1","a":"2"}'), 'json', `${CONFIG_MAPS}?dryRun=All&fieldValidation=Strict`),
        BAD,
      ],
    ]);
  });

  test('YAML bombs, and YAML that is cut off or deep', async () => {
    const lists = [...'bcdefghij'].map((name, at) => `${name}: &${name} [${repeat(9, () => `*${'abcdefghij'[at]}`)}]`);
    const laughs = ['a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]', ...lists].join('\n');
    const base = `a: &a {${repeat(50_000, (at) => `k${at}: 1`)}}`;
    await check([
      ['nothing', post('', 'yaml'), UNNAMED],
      ['cut off', post('{a', 'yaml'), BAD],
      ['aliases of aliases', post(laughs, 'yaml'), BAD],
      ['aliases of aliases, applied', patch('apply-patch+yaml', laughs), BAD],
      ['an alias in itself', post('a: &a [*a]', 'yaml'), BAD],
      [
        'merged keys',
        post(`${base}\n${Array.from({ length: 500 }, (_, at) => `m${at}: {<<: *a}`).join('\n')}`, 'yaml'),
        BAD,
      ],
      ['one key 300,000 times', post('a: 1\n'.repeat(300_000), 'yaml'), UNNAMED],
      ['lists in lists', post('- '.repeat(500_000), 'yaml'), BAD],
      ['flow in flow', post('['.repeat(1_000_000), 'yaml'), BAD],
      ['questions', post('? '.repeat(500_000), 'yaml'), BAD],
      ['digits without end', post(`a: ${'1'.repeat(2_000_000)}`, 'yaml'), UNNAMED],
      ['a tag that makes code', post('a: !!js/function "x"', 'yaml'), BAD],
    ]);
  });

  test('protobuf that is none', async () => {
    const magic = Buffer.from('k8s\0');
    await check([
      ['empty', post('', PROTOBUF), BAD],
      ['without the prefix', post('{}', PROTOBUF), BAD],
      ['ones', post(Buffer.concat([magic, Buffer.alloc(1_000, 0xff)]), PROTOBUF), BAD],
      ['zeros', post(Buffer.concat([magic, Buffer.alloc(1_000_000)]), PROTOBUF), BAD],
      [
        'a length beyond the end',
        post(Buffer.concat([magic, Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])]), PROTOBUF),
        BAD,
      ],
      ['groups in groups', post(Buffer.concat([magic, Buffer.alloc(1_000_000, 0x0b)]), PROTOBUF), BAD],
    ]);
  });

  test('patches that are cut off, of the wrong type, deep or growing', async () => {
    const grow = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/data', path: '/data/c' }));
    const operations = (list: readonly object[]) => JSON.stringify(list);
    const rejected: Wanted = [422, 'Invalid'];
    await check([
      ...PATCH_TYPES.flatMap((type): Row[] => [
        [`${type}, empty`, patch(type, ''), BAD],
        [`${type}, cut off`, patch(type, '{'), BAD],
        [`${type}, a number`, patch(type, '1'), BAD],
        [`${type}, deep`, patch(type, `{"data":${nested(9_000)}}`), BAD],
        [`${type}, a million deep`, patch(type, '['.repeat(1_000_000)), BAD],
        [`${type}, no UTF-8`, patch(type, Buffer.from([0xff, 0xfe, 0x7b])), BAD],
      ]),
      [
        'deep value of an operation',
        patch('json-patch+json', `[{"op":"add","path":"/x","value":${nested(9_000)}}]`),
        BAD,
      ],
      [
        'depth that is copied together',
        patch('json-patch+json', operations([{ op: 'add', path: '/data', value: { a: '1' } }, ...grow])),
        rejected,
      ],
      [
        '10,001 operations',
        patch('json-patch+json', `[${repeat(10_001, () => '{"op":"add","path":"/x","value":1}')}]`),
        [413, 'RequestEntityTooLarge'],
      ],
      ...[
        '/__proto__/polluted',
        '/constructor/prototype/polluted',
        '/data/__proto__/polluted',
        'data',
        '/data/~2',
        '/metadata/finalizers/99999999999999999999',
      ].map((path): Row => [path, patch('json-patch+json', operations([{ op: 'add', path, value: '1' }])), rejected]),
      [
        'a prototype, merged',
        patch('merge-patch+json', '{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"polluted":"1"}}}'),
        [200],
      ],
      [
        'a prototype, merged by strategy',
        patch('strategic-merge-patch+json', '{"__proto__":{"polluted":"1"},"data":{"__proto__":"1"}}'),
        [200],
      ],
      ['no patch type', patch('json', '{}'), [415, 'UnsupportedMediaType']],
    ]);
  });

  test('objects with tens of thousands of parts', async () => {
    const create = (path: string, body: string) => post(body, 'json', `${path}?dryRun=All`);
    const bad = await send(
      'bad labels',
      create(CONFIG_MAPS, `{"metadata":{"name":"b","labels":{${repeat(50_000, (at) => `"k/${at}/":""`)}}}}`),
    );
    assert.equal(bad.code, 422);
    assert.ok(bad.bytes.length < 2_000_000, `an answer of ${bad.bytes.length} bytes`);
    await check([
      [
        'environment',
        create(PODS, pod('p', `,"env":[${repeat(40_000, (at) => `{"name":"E${at}","value":"x"}`)}]`)),
        [201],
      ],
      [
        'owners',
        create(
          CONFIG_MAPS,
          `{"metadata":{"name":"b","ownerReferences":[${repeat(20_000, (at) => `{"apiVersion":"v1","kind":"Pod","name":"p${at}","uid":"${at}"}`)}]}}`,
        ),
        [201],
      ],
      [
        'ports of a service',
        create(
          '/api/v1/namespaces/default/services',
          `{"metadata":{"name":"s"},"spec":{"ports":[${repeat(10_000, (at) => `{"name":"p${at}","port":${at + 1}}`)}]}}`,
        ),
        [201],
      ],
    ]);
  });

  test('names, namespaces and paths that lead elsewhere', async () => {
    const missing: Wanted = [404, 'NotFound'];
    const named = (name: string): Row => [JSON.stringify(name), post(JSON.stringify({ metadata: { name } })), UNNAMED];
    await check([
      ...['..', '.', 'a/b', 'a%b', 'A', 'a'.repeat(254), '__proto__', '\0', 'a\n', 'ü', ''].map(named),
      ...['..', '%2e%2e', '.', '%00', '%ff', '%', '__proto__', '%2e%2e%2fsecrets'].map(
        (name): Row => [name, get(`${CONFIG_MAPS}/${name}`), missing],
      ),
      ['create in ..', post(configMap('b'), 'json', '/api/v1/namespaces/%2e%2e/configmaps'), missing],
      [
        'a namespace ..',
        post('{"metadata":{"name":".."}}', 'json', '/api/v1/namespaces'),
        [422, 'Invalid', 'metadata.name', 'metadata.labels'],
      ],
      ['an unknown resource', get('/api/v1/nope'), missing],
      ['an unknown version', get('/apis/apps/v9/deployments'), missing],
      ['an unknown group', get('/apis/nope.example.com/v1/x'), [404]],
      ['a prototype as resource', get('/api/v1/__proto__'), missing],
      ['a prototype as subresource', get(`${PODS}/a/constructor`), missing],
      ['empty segments', get('/api/v1//pods'), missing],
      ['60,000 characters', get(`${CONFIG_MAPS}/${'a'.repeat(60_000)}`), missing],
    ]);
    const other = await client.send(get('/api/v1/namespaces/%2e%2e/configmaps'));
    assert.deepEqual((other.json as { readonly items: unknown }).items, []);
  });

  test('queries and headers that mean nothing', async () => {
    const lists = [
      'limit=x',
      'limit=99999999999999999999',
      'continue=x',
      'continue=e30',
      'resourceVersion=x',
      'resourceVersion=-1',
      'watch=1&resourceVersion=x',
      'watch=1&timeoutSeconds=x',
      'labelSelector===',
      'labelSelector=a+in+(',
      'fieldSelector=x',
      'fieldSelector=spec.x%3D1',
      'timeout=x',
      'timeout=-1s',
      `labelSelector=${'('.repeat(30_000)}`,
      `labelSelector=${'a,'.repeat(20_000)}`,
    ];
    const deletion = (body: string): RawRequest => ({ method: 'DELETE', path: `${CONFIG_MAPS}/a`, body });
    await check([
      ...lists.map((query): Row => [query.slice(0, 60), get(`${CONFIG_MAPS}?${query}`), BAD]),
      [
        'match without revision',
        get(`${CONFIG_MAPS}?resourceVersionMatch=Exact`),
        [422, 'Invalid', 'resourceVersionMatch'],
      ],
      [
        'unknown validation',
        post(configMap('b'), 'json', `${CONFIG_MAPS}?fieldValidation=x`),
        [422, 'Invalid', 'fieldValidation'],
      ],
      ['unknown dry run', post(configMap('b'), 'json', `${CONFIG_MAPS}?dryRun=x`), [422, 'Invalid', 'dryRun']],
      ['8,000 values', get(`${CONFIG_MAPS}?labelSelector=a+in+(${repeat(8_000, (at) => `v${at}`)})`), [200]],
      ['an unknown media type', post('{}', 'xml'), [415, 'UnsupportedMediaType']],
      ['nothing acceptable', get(CONFIG_MAPS, { accept: 'text/plain' }), [406, 'NotAcceptable']],
      ['5,000 media types', get(CONFIG_MAPS, { accept: 'a/b;q=0.1,'.repeat(5_000) }), [406, 'NotAcceptable']],
      ['grace of the wrong type', deletion('{"gracePeriodSeconds":"x"}'), BAD],
      ['options of another kind', deletion('{"kind":"Pod","apiVersion":"v1"}'), BAD],
      ['deep options', deletion('['.repeat(1_000_000)), BAD],
      ['unknown propagation', deletion('{"propagationPolicy":"x"}'), [422, 'Invalid', 'propagationPolicy']],
      ['another uid', deletion('{"preconditions":{"uid":"x"}}'), [409, 'Conflict']],
      [
        'a review of the wrong type',
        post('{"spec":1}', 'json', '/apis/authorization.k8s.io/v1/subjectaccessreviews'),
        BAD,
      ],
    ]);
  });

  test('keys and values that JavaScript would change come back as they were', async () => {
    const data = '{"__proto__":"1","constructor":"2","hasOwnProperty":"3","toString":"4"}';
    const annotations = '{"constructor":"x","toString":"y"}';
    const metadata = `{"name":"keys","annotations":${annotations},"labels":{"constructor":"x","valueOf":"y"}}`;
    const made = await client.send(post(`{"metadata":${metadata},"data":${data}}`, 'json', CONFIG_MAPS));
    assert.equal(made.code, 201, made.bytes.toString());
    for (const type of ['json', 'yaml']) {
      const text = (await client.send(get(`${CONFIG_MAPS}/keys`, { accept: `application/${type}` }))).bytes.toString();
      for (const key of ['__proto__', 'constructor', 'hasOwnProperty', 'valueOf'])
        assert.ok(text.includes(key), `${type}: ${key}`);
    }
    const found = (await client.send(get(`${CONFIG_MAPS}/keys`))).json as {
      readonly data: unknown;
      readonly metadata: { readonly annotations: unknown };
    };
    assert.deepEqual(Object.entries(found.data as object), [
      ['__proto__', '1'],
      ['constructor', '2'],
      ['hasOwnProperty', '3'],
      ['toString', '4'],
    ]);
    assert.deepEqual(found.metadata.annotations, JSON.parse(annotations));
    const selected = await client.send(get(`${CONFIG_MAPS}?labelSelector=constructor`));
    assert.equal((selected.json as { readonly items: readonly unknown[] }).items.length, 1);
  });

  test('large integers, NUL, lone surrogates and broken UTF-8 do what they do upstream', async () => {
    const large = await client.send(
      post(
        '{"metadata":{"name":"large"},"spec":{"leaseDurationSeconds":1},"x":9007199254740993}',
        'json',
        '/apis/coordination.k8s.io/v1/namespaces/default/leases',
      ),
    );
    assert.equal(large.code, 201, large.bytes.toString());
    const text = pod('big', '').replace(
      '"spec":{',
      '"spec":{"activeDeadlineSeconds":2147483647,"securityContext":{"fsGroup":2147483647},"terminationGracePeriodSeconds":9007199254740993,',
    );
    const kept = await client.send(post(text, 'json', `${PODS}?dryRun=All`));
    assert.equal(kept.code, 201, kept.bytes.toString());
    assert.ok(kept.bytes.includes('"terminationGracePeriodSeconds":9007199254740993'));
    for (const [sent, wanted] of [
      ['"\\ud800x"', '\ufffdx'],
      ['"a\\u0000b"', 'a\0b'],
      [Buffer.from([0x22, 0xff, 0x22]), '\ufffd'],
    ] as const) {
      const body = Buffer.concat([
        Buffer.from('{"metadata":{"name":"b"},"data":{"k":'),
        Buffer.from(sent),
        Buffer.from('}}'),
      ]);
      const answer = await client.send(post(body));
      assert.equal((answer.json as { readonly data?: { readonly k?: string } }).data?.k, wanted);
    }
  });
});
