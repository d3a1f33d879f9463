import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Compacted, RevisionMismatch, type Store, type StoreEvent, ValueTooLarge } from './store.ts';

/** A store under test, and how to move the clock that says when its keys expire. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Moves time by this much and resolves when keys that expired by it have had the time to go. */
  readonly advance: (ms: number) => Promise<void>;
}

/** What every implementation of `Store` keeps. `open` gives an empty store. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store: ${name}`, () => {
    let store: Store;
    let advance: StoreUnderTest['advance'];
    before(async () => {
      ({ store, advance } = await open());
    });
    after(async () => {
      await store[Symbol.asyncDispose]();
    });
    const use = () => ({ store, advance });
    describe('writing', () => writing(use));
    describe('reading', () => reading(use));
    describe('subscribing', () => subscribing(use));
    describe('compaction', () => compaction(use));
  });
}

type Use = () => StoreUnderTest;

function writing(use: Use): void {
  test('a write is there afterwards, at the revision it was given', async () => {
    const { store } = use();
    const revision = await store.put('/w/a', bytes('one'), 0);
    assert.equal(store.revision, revision);
    assert.deepEqual(shown(await store.get('/w/a')), { key: '/w/a', value: 'one', revision });
  });

  test('revisions grow by every write, and by nothing else', async () => {
    const { store } = use();
    const first = await store.put('/w/grow', bytes('1'), 0);
    await assert.rejects(store.put('/w/grow', bytes('x'), 0), RevisionMismatch);
    const second = await store.put('/w/grow', bytes('2'), first);
    const third = await store.delete('/w/grow', second);
    assert.deepEqual([second, third], [first + 1, first + 2]);
  });

  test('a write that expects another revision is refused and says which one is there', async () => {
    const { store } = use();
    const revision = await store.put('/w/cas', bytes('1'), 0);
    const mismatch = (current: number) => (error: unknown) =>
      error instanceof RevisionMismatch && error.current === current;
    await assert.rejects(store.put('/w/cas', bytes('2'), 0), mismatch(revision));
    await assert.rejects(store.put('/w/cas', bytes('2'), revision - 1), mismatch(revision));
    await assert.rejects(store.delete('/w/cas', revision + 1), mismatch(revision));
    await assert.rejects(store.delete('/w/none', 5), mismatch(0));
    await assert.rejects(store.delete('/w/none', 0), mismatch(0));
    assert.equal(shown(await store.get('/w/cas'))?.value, '1');
  });

  test('a deleted key is gone and can be created again', async () => {
    const { store } = use();
    const created = await store.put('/w/again', bytes('1'), 0);
    const deleted = await store.delete('/w/again', created);
    assert.equal(await store.get('/w/again'), undefined);
    await assert.rejects(store.put('/w/again', bytes('2'), deleted), RevisionMismatch);
    const recreated = await store.put('/w/again', bytes('2'), 0);
    assert.equal(shown(await store.get('/w/again'))?.revision, recreated);
  });

  test('of many writers that expect the same revision exactly one wins', async () => {
    const { store } = use();
    const revision = await store.put('/w/race', bytes('0'), 0);
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => store.put('/w/race', bytes(`${index}`), revision)),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
  });

  test('many writers at once each get a revision of their own', async () => {
    const { store } = use();
    const revisions = await Promise.all(
      Array.from({ length: 500 }, (_, index) => store.put(`/w/many/${index}`, bytes(`${index}`), 0)),
    );
    assert.equal(new Set(revisions).size, 500);
    assert.equal(await store.count('/w/many/'), 500);
  });

  test('a value that is too large is refused and nothing is written', async () => {
    const { store } = use();
    await assert.rejects(store.put('/w/large', new Uint8Array(1.5 * 1024 * 1024 + 1), 0), ValueTooLarge);
    assert.equal(await store.get('/w/large'), undefined);
  });

  test('a key with an expiry goes when its time has come, unless it was written again', async () => {
    const { store, advance } = use();
    await store.put('/w/expiry/goes', bytes('1'), 0, { expiresAt: 60_000 });
    const first = await store.put('/w/expiry/stays', bytes('1'), 0, { expiresAt: 60_000 });
    await store.put('/w/expiry/stays', bytes('2'), first, { expiresAt: 7_200_000 });
    await advance(30_000);
    assert.equal(await store.count('/w/expiry/'), 2);
    await advance(90_000);
    assert.equal(await store.get('/w/expiry/goes'), undefined);
    assert.equal(shown(await store.get('/w/expiry/stays'))?.value, '2');
  });
}

function reading(use: Use): void {
  test('a range gives the keys under a prefix in order, and no neighbours', async () => {
    const { store } = use();
    for (const key of ['/r/pods/b/x', '/r/pods/a/y', '/r/pods/a-b/z', '/r/podtemplates/a/x', '/r/pods/a/x'])
      await store.put(key, bytes(key), 0);
    const { items, more } = await store.range('/r/pods/');
    assert.deepEqual(
      items.map((item) => item.key),
      ['/r/pods/a-b/z', '/r/pods/a/x', '/r/pods/a/y', '/r/pods/b/x'],
    );
    assert.equal(more, false);
  });

  test('pages at one revision do not see what is written between them', async () => {
    const { store } = use();
    const keys = ['/p/a', '/p/b', '/p/c', '/p/d'];
    for (const key of keys) await store.put(key, bytes('old'), 0);
    const first = await store.range('/p/', { limit: 2 });
    assert.deepEqual([first.items.length, first.more], [2, true]);
    await store.put('/p/c', bytes('new'), (await store.get('/p/c'))?.revision ?? 0);
    await store.put('/p/cc', bytes('new'), 0);
    await store.delete('/p/d', (await store.get('/p/d'))?.revision ?? 0);
    const second = await store.range('/p/', { revision: first.revision, from: '/p/b\0', limit: 2 });
    assert.deepEqual(
      second.items.map((item) => [item.key, text(item.value)]),
      [
        ['/p/c', 'old'],
        ['/p/d', 'old'],
      ],
    );
    assert.equal(second.more, false);
    assert.equal(second.revision, first.revision);
  });

  test('a count does not count what was deleted', async () => {
    const { store } = use();
    const revision = await store.put('/c/a', bytes('1'), 0);
    await store.put('/c/b', bytes('1'), 0);
    await store.delete('/c/a', revision);
    assert.equal(await store.count('/c/'), 1);
    assert.equal(await store.count('/nothing/'), 0);
  });
}

function subscribing(use: Use): void {
  test('a subscriber has been told of a write before the writer is', async () => {
    const { store } = use();
    const seen: number[] = [];
    using _ = await store.subscribe('/h/told/', store.revision, (events) => pushRevisions(seen, events), ignore);
    for (let count = 0; count < 20; count++) {
      const revision = await store.put(`/h/told/${count}`, bytes('1'), 0);
      assert.equal(seen.at(-1), revision);
    }
  });

  test('a subscription from revision N gives every later change once, in order, with what was there before', async () => {
    const { store } = use();
    const created = await store.put('/h/all/a', bytes('1'), 0);
    const from = store.revision - 1;
    const updated = await store.put('/h/all/a', bytes('2'), created);
    await store.put('/h/other/a', bytes('1'), 0);
    const seen: StoreEvent[] = [];
    using _ = await store.subscribe('/h/all/', from, (events) => seen.push(...events), ignore);
    assert.equal(seen.length, 2, 'history has been given when subscribe resolves');
    const deleted = await store.delete('/h/all/a', updated);
    assert.deepEqual(
      seen.map((event) => [
        event.type,
        event.revision,
        text(event.value),
        event.previous?.revision,
        shownPrevious(event),
      ]),
      [
        ['put', created, '1', undefined, undefined],
        ['put', updated, '2', created, '1'],
        ['delete', deleted, '', updated, '2'],
      ],
    );
  });

  test('subscribers that join while much is written miss nothing and get nothing twice', async () => {
    const { store } = use();
    const from = store.revision;
    const writes = Array.from({ length: 3000 }, (_, index) => store.put(`/h/busy/${index}`, bytes('v'), 0));
    const subscribers = await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        await writes[index * 500];
        const seen: number[] = [];
        await store.subscribe('/h/busy/', from, (events) => pushRevisions(seen, events), ignore);
        return seen;
      }),
    );
    const revisions = (await Promise.all(writes)).toSorted((a, b) => a - b);
    for (const seen of subscribers) assert.deepEqual(seen, revisions);
  });

  test('a subscription that was disposed of is told nothing more', async () => {
    const { store } = use();
    const seen: number[] = [];
    const subscription = await store.subscribe(
      '/h/end/',
      store.revision,
      (events) => pushRevisions(seen, events),
      ignore,
    );
    subscription[Symbol.dispose]();
    await store.put('/h/end/a', bytes('1'), 0);
    assert.deepEqual(seen, []);
  });
}

function compaction(use: Use): void {
  test('a compacted revision is refused, never silently skipped', async () => {
    const { store } = use();
    const first = await store.put('/h/compact/a', bytes('1'), 0);
    const second = await store.put('/h/compact/a', bytes('2'), first);
    const third = await store.put('/h/compact/a', bytes('3'), second);
    await store.compact(second);
    await assert.rejects(store.range('/h/compact/', { revision: first }), Compacted);
    await assert.rejects(store.subscribe('/h/compact/', first, unexpected, unexpected), Compacted);
    const at = await store.range('/h/compact/', { revision: second });
    assert.deepEqual(at.items.map(shown), [{ key: '/h/compact/a', value: '2', revision: second }]);
    const seen: number[] = [];
    using _ = await store.subscribe('/h/compact/', second, (events) => pushRevisions(seen, events), ignore);
    assert.deepEqual(seen, [third]);
  });

  test('compaction leaves the newest state of every key, and no deleted one', async () => {
    const { store } = use();
    const kept = await store.put('/h/kept/a', bytes('1'), 0);
    const gone = await store.put('/h/kept/b', bytes('1'), 0);
    await store.delete('/h/kept/b', gone);
    for (let count = 0; count < 1200; count++)
      await store.put(`/h/fill/${count % 7}`, bytes('f'), await at(store, count));
    await store.compact(store.revision);
    assert.deepEqual((await store.range('/h/kept/')).items.map(shown), [
      { key: '/h/kept/a', value: '1', revision: kept },
    ]);
    assert.equal(await store.count('/h/fill/'), 7);
    assert.equal(await store.get('/h/kept/b'), undefined);
  });
}

async function at(store: Store, count: number): Promise<number> {
  return (await store.get(`/h/fill/${count % 7}`))?.revision ?? 0;
}

function pushRevisions(seen: number[], events: readonly StoreEvent[]): void {
  for (const event of events) seen.push(event.revision);
}

function unexpected(): void {
  assert.fail('nothing should come here');
}

/** The store is closed while subscribers of a finished test are still there. */
function ignore(): void {}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

function shown(item: { key: string; value: Uint8Array; revision: number } | undefined) {
  return item && { key: item.key, value: text(item.value), revision: item.revision };
}

function shownPrevious(event: StoreEvent): string | undefined {
  return event.previous && text(event.previous.value);
}
