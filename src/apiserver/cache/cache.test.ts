import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { manualClock } from '#base/manual-clock.ts';
import { systemRandomness } from '#base/random.ts';
import { deepFreeze, type KubeObject } from '#machinery/object.ts';
import type { StatusError } from '#machinery/status.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';
import { aesGcm } from '#store/encryption.ts';
import type { Store } from '#store/store.ts';
import type { ResourceCache, WatchChange, WatchRequest, WatchSink } from './cache.ts';
import { startFeed } from './feed.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string };
}

const transformer = aesGcm({ keys: [{ name: 'key1', secret: systemRandomness.bytes(32) }] }, systemRandomness);
const PREFIX = '/registry/pods/';

function decode(bytes: Uint8Array, revision: number): Pod {
  const pod = JSON.parse(new TextDecoder().decode(bytes)) as Pod;
  return deepFreeze({ ...pod, metadata: { ...pod.metadata, resourceVersion: String(revision) } });
}

function encoded(key: string, spec: Pod['spec'] = {}, labels: Record<string, string> = {}): Uint8Array {
  const [namespace, name] = key.split('/');
  return new TextEncoder().encode(
    JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata: { namespace, name, labels }, spec }),
  );
}

async function openCache() {
  const clock = manualClock();
  const store = await openEmbedded({ path: ':memory:', clock, ioClock: systemClock });
  const feed = await startFeed({ store, clock, transformer, failed: () => undefined, unreadable: () => undefined });
  const pods = feed.open<Pod>({ prefix: PREFIX, decode, indexOf: (pod) => pod.spec.nodeName ?? '' });
  const write = async (key: string, spec: Pod['spec'] = {}, labels: Record<string, string> = {}) =>
    store.put(PREFIX + key, encoded(key, spec, labels), (await store.get(PREFIX + key))?.revision ?? 0);
  const remove = async (key: string) => store.delete(PREFIX + key, (await store.get(PREFIX + key))?.revision ?? 0);
  return {
    store,
    feed,
    pods,
    clock,
    write,
    remove,
    async [Symbol.asyncDispose]() {
      feed[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** A client: what it was sent, and how it ended. */
class Client implements WatchSink<Pod> {
  readonly changes: WatchChange<Pod>[] = [];
  readonly batches: number[] = [];
  takes = true;
  ended = false;
  error: StatusError | undefined;

  send(changes: readonly WatchChange<Pod>[]): boolean {
    this.changes.push(...changes);
    this.batches.push(changes.length);
    return this.takes;
  }

  closed(error: StatusError | undefined): void {
    this.ended = true;
    this.error = error;
  }

  get seen(): readonly string[] {
    return this.changes.map((change) =>
      change.type === 'BOOKMARK'
        ? `BOOKMARK${change.initialEventsEnd ? ' end' : ''}`
        : `${change.type} ${change.object.key}`,
    );
  }
}

const everything: WatchRequest<Pod> = { filterKey: '', matches: () => true, from: 'now', bookmarks: false };
const labelled = (value: string): WatchRequest<Pod> => ({
  ...everything,
  filterKey: `app=${value}`,
  matches: (pod) => pod.metadata.labels?.['app'] === value,
});

const keys = (items: Iterable<{ readonly key: string }>) => Array.from(items, (item) => item.key);
/** Waits until what is expected of other threads has come. */
async function until(condition: () => boolean): Promise<void> {
  const end = systemClock.now() + 10_000;
  while (!condition()) {
    assert.ok(systemClock.now() < end, 'waited 10 s');
    await systemClock.sleep(1);
  }
}

describe('watch cache: reading', () => {
  test('a write is there when it resolves, decoded once, frozen, with its revision', async () => {
    await using cluster = await openCache();
    const revision = await cluster.write('a/x', { nodeName: 'n1' });
    const entry = cluster.pods.get('a', 'x');
    assert.ok(entry);
    assert.deepEqual([entry.namespace, entry.name, entry.revision], ['a', 'x', revision]);
    assert.equal(entry.object().metadata.resourceVersion, String(revision));
    assert.equal(entry.object(), entry.object());
    assert.ok(Object.isFrozen(entry.object().metadata));
    assert.equal(cluster.pods.revision, revision);
  });

  test('a snapshot does not change, and lists in key order by namespace and from a key', async () => {
    await using cluster = await openCache();
    for (const key of ['b/x', 'a/y', 'a-b/z', 'a/x']) await cluster.write(key);
    const snapshot = cluster.pods.current();
    await cluster.write('a/new');
    await cluster.remove('a/x');
    assert.deepEqual(keys(snapshot.scan()), ['a-b/z', 'a/x', 'a/y', 'b/x']);
    assert.deepEqual(keys(snapshot.scan({ namespace: 'a' })), ['a/x', 'a/y']);
    assert.deepEqual(keys(snapshot.scan({ namespace: 'a', afterKey: 'a/x' })), ['a/y']);
    assert.deepEqual(keys(snapshot.scan({ fromKey: 'a/y' })), ['a/y', 'b/x']);
    assert.equal(snapshot.count(), 4);
    assert.equal(snapshot.count({ namespace: 'a' }), 2);
    assert.equal(snapshot.count({ namespace: 'a', afterKey: 'a/x' }), 1);
    assert.equal(snapshot.count({ afterKey: 'a/xx' }), 2);
    assert.deepEqual(keys(cluster.pods.current().scan({ namespace: 'a' })), ['a/new', 'a/y']);
  });

  test('every former revision can be read, from memory and, beyond its window, from the store', async () => {
    await using cluster = await openCache();
    const states: [number, string[]][] = [];
    for (const [action, key] of [
      ['write', 'a/x'],
      ['write', 'a/y'],
      ['write', 'a/x'],
      ['remove', 'a/x'],
      ['write', 'a/z'],
      ['write', 'a/x'],
    ] as const) {
      const revision = await cluster[action](key);
      states.push([revision, keys(cluster.pods.current().scan())]);
    }
    for (const [revision, expected] of states)
      assert.deepEqual(keys((await cluster.pods.at(revision)).scan()), expected);
    // Six minutes later the window is empty.
    cluster.clock.advance(6 * 60_000);
    await cluster.write('b/later');
    for (const [revision, expected] of states)
      assert.deepEqual(keys((await cluster.pods.at(revision)).scan()), expected);
    await cluster.store.compact(cluster.store.revision);
    await assert.rejects(cluster.pods.at((states[0]?.[0] ?? 0) - 1), { code: 410, reason: 'Expired' });
  });

  test('random histories: a former revision is what it was', async () => {
    await using cluster = await openCache();
    const states = new Map<number, string[]>();
    for (let step = 0; step < 300; step++) {
      const key = `n/${(step * 7919) % 13}`;
      const exists = cluster.pods.get('n', key.slice(2)) !== undefined;
      const revision = exists && step % 3 === 0 ? await cluster.remove(key) : await cluster.write(key);
      states.set(
        revision,
        Array.from(cluster.pods.current().scan(), (entry) => `${entry.key}@${entry.revision}`),
      );
    }
    for (const [revision, expected] of states) {
      const snapshot = await cluster.pods.at(revision);
      assert.deepEqual(
        Array.from(snapshot.scan(), (entry) => `${entry.key}@${entry.revision}`),
        expected,
      );
    }
  });

  test('a revision that does not come is refused as upstream refuses it', async () => {
    await using cluster = await openCache();
    const waiting = cluster.pods.waitUntil(cluster.pods.revision + 1000);
    cluster.clock.advance(3000);
    await assert.rejects(waiting, (error: StatusError) => {
      assert.equal(error.code, 504);
      assert.match(error.message, /^Timeout: Too large resource version: 1001, current: 1$/);
      assert.equal(error.status.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
      return true;
    });
    const soon = cluster.pods.waitUntil(cluster.pods.revision + 1);
    await cluster.write('a/x');
    await soon;
  });

  test('writes to other resources, and to keys of nobody, move the revision', async () => {
    await using cluster = await openCache();
    const revision = await cluster.store.put('/registry/configmaps/a/x', encoded('a/x'), 0);
    assert.equal(cluster.pods.revision, revision);
    assert.equal(cluster.pods.current().revision, revision);
    assert.equal(await cluster.store.put('/other', encoded('a/x'), 0), cluster.pods.revision);
  });

  test('objects that were there before the cache was opened are in it; a closed one can be opened again', async () => {
    await using cluster = await openCache();
    const prefix = '/registry/example.com/widgets/';
    await cluster.store.put(`${prefix}a/x`, encoded('a/x'), 0);
    await cluster.store.put('/registry/example.com/others/a/x', encoded('a/x'), 0);
    const widgets = cluster.feed.open<Pod>({ prefix, decode });
    assert.deepEqual(keys(widgets.current().scan()), ['a/x']);
    const client = new Client();
    widgets.watch(everything, client);
    cluster.feed.close(prefix);
    assert.equal(client.error?.code, 410);
    await cluster.store.put(`${prefix}a/y`, encoded('a/y'), 0);
    assert.deepEqual(keys(cluster.feed.open<Pod>({ prefix, decode }).current().scan()), ['a/x', 'a/y']);
  });

  test('sealed values are opened; one that cannot be opened is an error when it is read, and only then', async () => {
    await using cluster = await openCache();
    const key = `${PREFIX}a/secret`;
    await cluster.store.put(key, transformer.seal(key, encoded('a/secret')), 0);
    assert.equal(cluster.pods.get('a', 'secret')?.object().metadata.name, 'secret');
    await cluster.store.put(`${PREFIX}a/moved`, transformer.seal(key, encoded('a/moved')), 0);
    const client = new Client();
    cluster.pods.watch({ ...labelled('x'), from: 'state' }, client);
    await cluster.write('a/end', {}, { app: 'x' });
    await until(() => client.seen.length > 0);
    assert.deepEqual(client.seen, ['ADDED a/end']);
    assert.throws(() => cluster.pods.get('a', 'moved')?.object(), /cannot be decrypted/);
  });
});

describe('watch cache: watching', () => {
  test('changes come in order, a deletion with the state before it at the revision of the deletion', async () => {
    await using cluster = await openCache();
    const client = new Client();
    cluster.pods.watch(everything, client);
    await cluster.write('a/x');
    const updated = await cluster.write('a/x');
    const deleted = await cluster.remove('a/x');
    assert.deepEqual(client.seen, ['ADDED a/x', 'MODIFIED a/x', 'DELETED a/x']);
    const last = client.changes.at(-1);
    assert.ok(last?.type === 'DELETED');
    assert.deepEqual([last.revision, last.object.revision], [deleted, updated]);
  });

  test('entering a selector is ADDED, leaving it DELETED with the last state that matched', async () => {
    await using cluster = await openCache();
    const client = new Client();
    cluster.pods.watch(labelled('web'), client);
    await cluster.write('a/x', {}, { app: 'db' });
    const matched = await cluster.write('a/x', {}, { app: 'web' });
    await cluster.write('a/x', { nodeName: 'n' }, { app: 'web' });
    const left = await cluster.write('a/x', {}, { app: 'db' });
    await cluster.remove('a/x');
    assert.deepEqual(client.seen, ['ADDED a/x', 'MODIFIED a/x', 'DELETED a/x']);
    const last = client.changes.at(-1);
    assert.ok(last?.type === 'DELETED');
    assert.deepEqual([last.revision, last.object.revision], [left, matched + 1]);
  });

  test('a watch is about its namespace, its name or its node, and nothing else', async () => {
    await using cluster = await openCache();
    const clients = {
      namespace: { ...everything, namespace: 'a' },
      object: { ...everything, namespace: 'a', name: 'x' },
      name: { ...everything, name: 'x' },
      node: { ...everything, indexed: 'n1' },
      nodeAndNamespace: { ...everything, indexed: 'n1', namespace: 'b' },
    };
    const seen = Object.fromEntries(
      Object.entries(clients).map(([name, request]) => {
        const client = new Client();
        cluster.pods.watch(request, client);
        return [name, client] as const;
      }),
    );
    await cluster.write('a/x');
    await cluster.write('b/x', { nodeName: 'n1' });
    await cluster.write('a/y', { nodeName: 'n1' });
    await cluster.write('a/y', { nodeName: 'n2' });
    assert.deepEqual(Object.fromEntries(Object.entries(seen).map(([name, client]) => [name, client.seen])), {
      namespace: ['ADDED a/x', 'ADDED a/y', 'MODIFIED a/y'],
      object: ['ADDED a/x'],
      name: ['ADDED a/x', 'ADDED b/x'],
      node: ['ADDED b/x', 'ADDED a/y', 'DELETED a/y'],
      nodeAndNamespace: ['ADDED b/x'],
    });
  });

  test('watches with the same filter get the same change, whose frame is made once', async () => {
    await using cluster = await openCache();
    const clients = [new Client(), new Client(), new Client()];
    for (const client of clients) cluster.pods.watch(labelled('web'), client);
    await cluster.write('a/x', {}, { app: 'web' });
    let made = 0;
    for (const client of clients) client.changes[0]?.frame('json', () => ++made);
    assert.equal(made, 1);
  });

  test('the state comes first, then its end, then what happened meanwhile', async () => {
    await using cluster = await openCache();
    for (let index = 0; index < 700; index++) await cluster.write(`a/${1000 + index}`);
    const client = new Client();
    cluster.pods.watch({ ...everything, from: 'state', bookmarks: true, initialEventsEnd: true }, client);
    await cluster.write('a/late');
    await until(() => client.changes.length === 702);
    assert.deepEqual(client.seen.slice(699), ['ADDED a/1699', 'BOOKMARK end', 'ADDED a/late']);
    const end = client.changes[700];
    assert.ok(end && end.revision < (client.changes[701]?.revision ?? 0));
  });

  test('a watch from a former revision gives what came after it once, also across the window and the store', async () => {
    await using cluster = await openCache();
    const first = await cluster.write('a/x', {}, { app: 'web' });
    await cluster.write('a/x', {}, { app: 'db' });
    await cluster.write('a/y', {}, { app: 'web' });
    cluster.clock.advance(6 * 60_000);
    await cluster.write('a/z', {}, { app: 'web' });
    const client = new Client();
    cluster.pods.watch({ ...labelled('web'), from: first }, client);
    await cluster.write('a/late', {}, { app: 'web' });
    await until(() => client.seen.at(-1) === 'ADDED a/late');
    assert.deepEqual(client.seen, ['DELETED a/x', 'ADDED a/y', 'ADDED a/z', 'ADDED a/late']);
    await cluster.store.compact(cluster.store.revision);
    const late = new Client();
    cluster.pods.watch({ ...everything, from: first }, late);
    await until(() => late.error !== undefined);
    assert.equal(late.error?.reason, 'Expired');
    assert.match(late.error?.message ?? '', /^too old resource version: 2 \(/);
  });

  test('random histories: a watch from any revision rebuilds the newest state', async () => {
    await using cluster = await openCache();
    const start = cluster.pods.revision;
    for (let step = 0; step < 200; step++) {
      const key = `n/${(step * 31) % 7}`;
      if (cluster.pods.get('n', key.slice(2)) && step % 4 === 0) await cluster.remove(key);
      else await cluster.write(key, {}, { app: step % 3 === 0 ? 'web' : 'db' });
      if (step === 120) cluster.clock.advance(6 * 60_000);
    }
    for (let from = start; from <= cluster.pods.revision; from += 17) {
      const state = new Set(
        keys(
          Array.from((await cluster.pods.at(from)).scan()).filter((entry) => labelled('web').matches(entry.object())),
        ),
      );
      const client = new Client();
      cluster.pods.watch({ ...labelled('web'), from }, client);
      const end = await cluster.write('n/end', {}, { app: 'web', from: String(from) });
      await until(() => client.changes.at(-1)?.revision === end);
      for (const change of client.changes) {
        assert.ok(change.type !== 'BOOKMARK');
        assert.equal(state.has(change.object.key), change.type !== 'ADDED');
        if (change.type === 'DELETED') state.delete(change.object.key);
        else state.add(change.object.key);
      }
      const now = Array.from(cluster.pods.current().scan()).filter((entry) => labelled('web').matches(entry.object()));
      assert.deepEqual([...state].sort(), keys(now));
    }
  });

  test('large changes that waited are sent by and by, and no more of them wait than is bounded', async () => {
    await using cluster = await openCache();
    const slow = new Client();
    slow.takes = false;
    const watch = cluster.pods.watch(everything, slow);
    const large = { nodeName: 'n'.repeat(200 * 1024) };
    for (let index = 0; index < 6; index++) await cluster.write('a/x', large);
    watch.resume();
    watch.resume();
    assert.deepEqual(slow.batches, [1, 2, 2], 'a sink that takes little is not given all at once');
    slow.takes = true;
    watch.resume();
    assert.deepEqual(slow.batches, [1, 2, 2, 1]);
    slow.takes = false;
    const huge = { nodeName: 'n'.repeat(1_500_000) };
    for (let index = 0; index < 50 && !slow.ended; index++) await cluster.write('a/x', huge);
    assert.ok(slow.ended);
  });

  test('a slow watch is kept waiting up to its bound and then closed without an error; others go on', async () => {
    await using cluster = await openCache();
    const [slow, quick] = [new Client(), new Client()];
    slow.takes = false;
    const watch = cluster.pods.watch(everything, slow);
    cluster.pods.watch(everything, quick);
    await cluster.write('a/0');
    for (let index = 1; index <= 10; index++) await cluster.write(`a/${index}`);
    assert.equal(slow.changes.length, 1);
    watch.resume();
    assert.equal(slow.changes.length, 11);
    await Promise.all(Array.from({ length: 5100 }, (_, index) => writeNew(cluster.store, `b/${index}`)));
    assert.ok(slow.ended);
    assert.equal(slow.error, undefined);
    assert.equal(quick.changes.length, 11 + 5100);
    assert.equal(quick.ended, false);
  });

  test('bookmarks come about once a minute to those that asked, with the revision that they have reached', async () => {
    await using cluster = await openCache();
    const [asked, other] = [new Client(), new Client()];
    cluster.pods.watch({ ...everything, bookmarks: true }, asked);
    cluster.pods.watch(everything, other);
    await cluster.store.put('/registry/configmaps/a/x', encoded('a/x'), 0);
    cluster.clock.advance(60_000);
    assert.deepEqual(asked.seen, ['BOOKMARK']);
    assert.equal(asked.changes[0]?.revision, cluster.pods.revision);
    assert.deepEqual(other.seen, []);
  });

  test('a watch that was disposed of gets nothing more and is not told', async () => {
    await using cluster = await openCache();
    const client = new Client();
    cluster.pods.watch(everything, client)[Symbol.dispose]();
    await cluster.write('a/x');
    assert.deepEqual([client.seen, client.ended], [[], false]);
    assert.deepEqual([...cluster.feed.watchCounts().values()], [0]);
  });

  test('a watch from a revision that is not reached yet starts when it is', async () => {
    await using cluster = await openCache();
    const client = new Client();
    cluster.pods.watch({ ...everything, from: cluster.pods.revision + 2 }, client);
    for (const key of ['a/1', 'a/2', 'a/3']) await cluster.write(key);
    assert.deepEqual(client.seen, ['ADDED a/3']);
  });
});

async function writeNew(store: Store, key: string): Promise<number> {
  return store.put(PREFIX + key, encoded(key), 0);
}

test('watch cache: a changed decoder makes all objects anew, and whatever was derived from them', async () => {
  await using cluster = await openCache();
  await cluster.write('a/x');
  const pods: ResourceCache<Pod> = cluster.pods;
  const former = pods.get('a', 'x');
  const before = former?.object();
  pods.setDecoder((bytes, revision) => ({ ...decode(bytes, revision), spec: { nodeName: 'changed' } }));
  assert.equal(before?.spec.nodeName, undefined);
  const entry = pods.get('a', 'x');
  assert.equal(entry?.object().spec.nodeName, 'changed');
  assert.notEqual(entry, former, 'encodings are found through the entry');
  const client = new Client();
  pods.watch({ ...everything, from: 1 }, client);
  await until(() => client.changes.length > 0);
  const [change] = client.changes;
  assert.ok(change?.type === 'ADDED');
  assert.equal(change.object, entry);
});
