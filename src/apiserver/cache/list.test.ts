import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { manualClock } from '#base/manual-clock.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { StatusError } from '#machinery/status.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { startFeed } from './feed.ts';
import { type ListPage, type ListRequest, readList, readOne, startWatch } from './list.ts';
import { watchStart } from './list-options.ts';

async function openSecrets(names: readonly string[]) {
  const clock = manualClock();
  const store = await openEmbedded({ path: ':memory:', clock, ioClock: systemClock });
  const transformer = {
    seal: (_key: string, plain: Uint8Array) => plain,
    open: (_key: string, stored: Uint8Array) => stored,
  };
  const feed = await startFeed({ store, clock, transformer, failed: () => undefined, unreadable: () => undefined });
  const decode = (bytes: Uint8Array): KubeObject => JSON.parse(new TextDecoder().decode(bytes)) as KubeObject;
  const secrets = feed.open<KubeObject>({ prefix: '/registry/secrets/', decode });
  const write = async (key: string) => {
    const [namespace, name = ''] = key.split('/');
    const object = { metadata: { namespace, name, labels: { p: name } } };
    const path = `/registry/secrets/${key}`;
    return store.put(path, new TextEncoder().encode(JSON.stringify(object)), (await store.get(path))?.revision ?? 0);
  };
  for (const name of names) await write(name);
  return {
    store,
    secrets,
    clock,
    write,
    async [Symbol.asyncDispose]() {
      feed[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const FIVE = ['ns/a', 'ns/b', 'ns/c', 'ns/d', 'ns/e'];

const request = (changes: Partial<ListRequest<KubeObject>> = {}): ListRequest<KubeObject> => ({
  namespace: 'ns',
  limit: 0,
  continue: '',
  resourceVersion: '',
  resourceVersionMatch: '',
  sendInitialEvents: undefined,
  ...changes,
});

const notLabelled = (value: string) => (object: KubeObject) => object.metadata.labels?.['p'] !== value;

/** The shape of test/golden/machinery/list-paging.json: names, whether it goes on, and how many remain. */
const shown = (page: ListPage<KubeObject>) => [
  page.items.map((item) => item.name).join(''),
  page.continue !== '',
  page.remainingItemCount,
];

describe('lists in pages', () => {
  test('limit and continue give everything once, with the count of the rest', async () => {
    await using cluster = await openSecrets(FIVE);
    const list = (changes: Partial<ListRequest<KubeObject>>) => readList(cluster.secrets, request(changes));
    const first = await list({ limit: 2 });
    assert.deepEqual(shown(first), ['ab', true, 3]);
    const second = await list({ limit: 2, continue: first.continue });
    assert.deepEqual(shown(second), ['cd', true, 1]);
    assert.deepEqual(shown(await list({ limit: 2, continue: second.continue })), ['e', false, undefined]);
    assert.deepEqual(shown(await list({ continue: first.continue })), ['cde', false, undefined]);
    assert.deepEqual(shown(await list({ limit: 5 })), ['abcde', false, undefined]);
    assert.deepEqual(shown(await list({ limit: -1 })), ['abcde', false, undefined]);
    assert.deepEqual(shown(await list({ limit: 2, continue: first.continue, resourceVersion: '0' })), [
      'cde',
      false,
      undefined,
    ]);
  });

  test('pages show one revision whatever is written between them', async () => {
    await using cluster = await openSecrets(FIVE);
    const first = await readList(cluster.secrets, request({ limit: 2 }));
    await cluster.write('ns/bb');
    await cluster.write('ns/f');
    const second = await readList(cluster.secrets, request({ continue: first.continue }));
    assert.deepEqual(shown(second), ['cde', false, undefined]);
    assert.equal(second.revision, first.revision);
  });

  test('with selectors the rest is not counted, and pages go on while keys remain', async () => {
    await using cluster = await openSecrets(FIVE);
    const list = (changes: Partial<ListRequest<KubeObject>>) => readList(cluster.secrets, request(changes));
    const first = await list({ limit: 1, matches: notLabelled('a') });
    assert.deepEqual(shown(first), ['b', true, undefined]);
    assert.deepEqual(shown(await list({ limit: 2, matches: notLabelled('a'), continue: first.continue })), [
      'cd',
      true,
      undefined,
    ]);
    assert.deepEqual(shown(await list({ limit: 1, name: 'c' })), ['c', false, undefined]);
    assert.deepEqual(shown(await list({ limit: 1, name: 'c', matches: notLabelled('c') })), ['', false, undefined]);
    assert.deepEqual(shown(await list({ limit: 1, matches: (object) => object.metadata.name === 'c' })), [
      'c',
      true,
      undefined,
    ]);
    assert.deepEqual(shown(await list({ limit: 1, matches: () => false })), ['', false, undefined]);
  });

  test('a page over all namespaces goes on in the middle of one', async () => {
    await using cluster = await openSecrets(['a/x', 'a/y', 'b/x']);
    const first = await readList(cluster.secrets, request({ namespace: '', limit: 1 }));
    const second = await readList(cluster.secrets, request({ namespace: '', limit: 1, continue: first.continue }));
    assert.deepEqual(
      second.items.map((item) => item.key),
      ['a/y'],
    );
    assert.equal(second.remainingItemCount, 1);
    const named = await readList(cluster.secrets, request({ namespace: '', name: 'x' }));
    assert.deepEqual(
      named.items.map((item) => item.key),
      ['a/x', 'b/x'],
    );
  });

  test('a token that is too old gives 410 and one that goes on inconsistently', async () => {
    await using cluster = await openSecrets(FIVE);
    const first = await readList(cluster.secrets, request({ limit: 2 }));
    await cluster.write('ns/c2');
    cluster.clock.advance(6 * 60_000);
    await cluster.write('ns/f');
    await cluster.store.compact(cluster.store.revision);
    let token = '';
    await assert.rejects(
      readList(cluster.secrets, request({ limit: 2, continue: first.continue })),
      (error: StatusError) => {
        assert.deepEqual([error.code, error.reason], [410, 'Expired']);
        token = error.status.metadata?.continue ?? '';
        return true;
      },
    );
    const rest = await readList(cluster.secrets, request({ continue: token }));
    assert.deepEqual(shown(rest), ['cc2def', false, undefined]);
    assert.equal(rest.revision, cluster.store.revision);
  });

  test('tokens that are not ours are refused', async () => {
    await using cluster = await openSecrets(FIVE);
    const { continue: token } = await readList(cluster.secrets, request({ limit: 2 }));
    const raw = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad = [
      'abc',
      '!!!',
      raw({}),
      raw({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' }),
      raw({ v: 'meta.k8s.io/v2', rv: 1, start: 'a' }),
      raw({ v: 'meta.k8s.io/v1', rv: 1 }),
      raw({ v: 'meta.k8s.io/v1', rv: 1, start: '../a' }),
      `${token}=`,
      `${token}x`,
      `x${token}`,
    ];
    for (const text of bad) {
      const list = readList(cluster.secrets, request({ limit: 2, continue: text }));
      await assert.rejects(list, { code: 400, reason: 'BadRequest' }, text);
    }
    assert.deepEqual(decodeContinue(encodeContinue({ revision: 5, start: 'ns/a\0' })), {
      revision: 5,
      start: 'ns/a\0',
    });
  });
});

describe('resourceVersion', () => {
  test('of a list: none is newest, 0 is any, N is at least N, and exactly N with a limit or Exact', async () => {
    await using cluster = await openSecrets(['ns/a']);
    const old = cluster.store.revision;
    await cluster.write('ns/b');
    const names = async (changes: Partial<ListRequest<KubeObject>>) => {
      const page = await readList(cluster.secrets, request(changes));
      return [page.items.map((item) => item.name).join(''), page.revision - old];
    };
    const resourceVersion = String(old);
    assert.deepEqual(await names({}), ['ab', 1]);
    assert.deepEqual(await names({ resourceVersion: '0', limit: 1 }), ['ab', 1]);
    assert.deepEqual(await names({ resourceVersion }), ['ab', 1]);
    assert.deepEqual(await names({ resourceVersion, limit: 5 }), ['a', 0]);
    assert.deepEqual(await names({ resourceVersion, resourceVersionMatch: 'Exact' }), ['a', 0]);
    assert.deepEqual(await names({ resourceVersion, resourceVersionMatch: 'NotOlderThan', limit: 5 }), ['ab', 1]);
  });

  test('options that exclude each other are 422 with a cause each', async () => {
    await using cluster = await openSecrets(['ns/a']);
    const causes = async (changes: Partial<ListRequest<KubeObject>>) => {
      const error = await readList(cluster.secrets, request(changes)).then(
        () => assert.fail('it was accepted'),
        (e: StatusError) => e,
      );
      assert.equal(error.code, 422);
      return error.status.details?.causes?.map((cause) => `${cause.field} ${cause.reason}`);
    };
    const forbidden = 'resourceVersionMatch FieldValueForbidden';
    assert.deepEqual(await causes({ resourceVersionMatch: 'Exact' }), [forbidden]);
    assert.deepEqual(await causes({ resourceVersionMatch: 'Exact', resourceVersion: '0' }), [forbidden]);
    assert.deepEqual(await causes({ resourceVersionMatch: 'Exact', continue: 'x' }), [forbidden, forbidden]);
    assert.deepEqual(await causes({ resourceVersionMatch: 'Nope', resourceVersion: '1' }), [
      'resourceVersionMatch FieldValueNotSupported',
    ]);
    assert.deepEqual(await causes({ sendInitialEvents: true }), ['sendInitialEvents FieldValueForbidden']);
    const withContinue = readList(
      cluster.secrets,
      request({ continue: encodeContinue({ revision: 1, start: 'a' }), resourceVersion: '5' }),
    );
    await assert.rejects(withContinue, {
      code: 400,
      message: 'specifying resource version is not allowed when using continue',
    });
    await assert.rejects(readList(cluster.secrets, request({ resourceVersion: 'abc' })), { code: 400 });
  });

  test('of one object: not older than asked for', async () => {
    await using cluster = await openSecrets(['ns/a']);
    assert.equal((await readOne(cluster.secrets, 'ns', 'a', ''))?.key, 'ns/a');
    assert.equal(await readOne(cluster.secrets, 'ns', 'none', '0'), undefined);
    const future = readOne(cluster.secrets, 'ns', 'a', '999999999');
    cluster.clock.advance(3000);
    await assert.rejects(future, { code: 504 });
  });

  test('of a watch: without one it begins with the state; options that exclude each other are 422', async () => {
    const options = { resourceVersion: '', resourceVersionMatch: '', continue: '', sendInitialEvents: undefined };
    assert.deepEqual(watchStart(options), { state: true, revision: 0, consistent: true });
    assert.deepEqual(watchStart({ ...options, resourceVersion: '0' }), { state: true, revision: 0, consistent: false });
    assert.deepEqual(watchStart({ ...options, resourceVersion: '7' }), {
      state: false,
      revision: 7,
      consistent: false,
    });
    assert.deepEqual(watchStart({ ...options, resourceVersionMatch: 'NotOlderThan', sendInitialEvents: false }), {
      state: false,
      revision: 0,
      consistent: true,
    });
    const causes = (changes: object) => {
      try {
        watchStart({ ...options, ...changes });
      } catch (error) {
        return (error as StatusError).status.details?.causes?.map((cause) => cause.reason);
      }
      return [];
    };
    assert.deepEqual(causes({ resourceVersionMatch: 'Exact' }), ['FieldValueForbidden', 'FieldValueNotSupported']);
    assert.deepEqual(causes({ resourceVersionMatch: 'NotOlderThan' }), ['FieldValueForbidden']);
    assert.deepEqual(causes({ sendInitialEvents: true }), ['FieldValueForbidden']);
    assert.deepEqual(causes({ continue: 'abc' }), ['FieldValueForbidden']);

    await using cluster = await openSecrets(['ns/a']);
    const seen: string[] = [];
    const sink = {
      send: (changes: readonly { type: string }[]) => seen.push(...changes.map((c) => c.type)) > 0,
      closed: assert.fail,
    };
    const all = { namespace: 'ns', filterKey: '', matches: () => true, bookmarks: true };
    using _ = await startWatch(cluster.secrets, options, all, sink);
    assert.deepEqual(seen, ['ADDED', 'BOOKMARK']);
  });
});
