import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { manualClock } from '#base/manual-clock.ts';
import { storeContract } from '../contract.ts';
import { StoreUnavailable } from '../store.ts';
import { openEmbedded } from './embedded.ts';

const folders: string[] = [];

function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-store-'));
  folders.push(folder);
  return join(folder, 'state.db');
}

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function openForContract(path: string) {
  const clock = manualClock();
  const store = await openEmbedded({ path, clock, ioClock: systemClock });
  const advance = async (ms: number) => {
    clock.advance(ms);
    await systemClock.sleep(10);
    // A sweep that began on the way was early; the next one is not.
    clock.advance(10_000);
    await systemClock.sleep(50);
  };
  return { store, advance };
}

storeContract('SQLite file', () => openForContract(databasePath()));
storeContract('SQLite in memory', () => openForContract(':memory:'));

const open = (path: string) => openEmbedded({ path, clock: manualClock(), ioClock: systemClock });
const value = (text: string) => new TextEncoder().encode(text);

describe('store: embedded', () => {
  test('state, history and the revision are there after closing and opening again', async () => {
    const path = databasePath();
    let revision: number;
    {
      await using store = await open(path);
      const created = await store.put('/a', value('1'), 0);
      const updated = await store.put('/a', value('2'), created);
      revision = await store.delete('/a', updated);
      await store.put('/b', value('1'), 0).then((last) => assert.equal(last, revision + 1));
    }
    await using store = await open(path);
    assert.equal(store.revision, revision + 1);
    const seen: string[] = [];
    using _ = await store.subscribe('/', 1, (events) => seen.push(...events.map((e) => e.type)), assert.fail);
    assert.deepEqual(seen, ['put', 'put', 'delete', 'put']);
  });

  test('the revision does not go back when the newest write was a deletion that is compacted', async () => {
    const path = databasePath();
    let revision: number;
    {
      await using store = await open(path);
      revision = await store.delete('/a', await store.put('/a', value('1'), 0));
      await store.compact(revision);
    }
    await using store = await open(path);
    assert.equal(store.revision, revision);
  });

  test('a second process (or store) on the same file is refused', async () => {
    const path = databasePath();
    await using _ = await open(path);
    await assert.rejects(open(path), { name: 'StoreUnavailable', message: /in use by another process/ });
  });

  test('a database of a newer version is refused, and a damaged one, with what to do', async () => {
    const newer = databasePath();
    await (await open(newer))[Symbol.asyncDispose]();
    const db = new DatabaseSync(newer);
    db.exec('PRAGMA user_version = 99');
    db.close();
    await assert.rejects(open(newer), { name: 'StoreUnavailable', message: /written by a newer dhow \(schema 99/ });

    const damaged = databasePath();
    writeFileSync(damaged, 'this is not a database, whatever its name says'.repeat(100));
    await assert.rejects(open(damaged), {
      name: 'StoreUnavailable',
      message: /is damaged .* restore it from a backup/,
    });
  });

  test('only the owner may read the files', async () => {
    const path = databasePath();
    await using store = await open(path);
    await store.put('/a', value('1'), 0);
    const folder = join(path, '..');
    for (const name of readdirSync(folder).filter((file) => !file.includes('lock')))
      assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
  });

  test('on a full disk writes fail and say so, reads go on, and writing goes on when there is space', async () => {
    const path = databasePath();
    const quotaBytes = 512 * 1024;
    await using store = await openEmbedded({ path, clock: manualClock(), ioClock: systemClock, quotaBytes });
    let written = 0;
    const fill = async () => {
      for (;;) {
        await store.put(`/fill/${written}`, new Uint8Array(50_000), 0);
        written++;
      }
    };
    await assert.rejects(fill(), (error) => error instanceof StoreUnavailable && /no space left/.test(error.message));
    assert.equal(await store.count('/fill/'), written);
    const revision = store.revision;
    const first = await store.get('/fill/0');
    assert.ok(first);
    // Deleting needs little; compaction then frees what was deleted.
    await store.delete('/fill/0', first.revision);
    await store.compact(store.revision);
    assert.equal(await store.put('/fill/again', new Uint8Array(40_000), 0), revision + 2);
  });

  test('one failed write of a batch does not take the others with it', async () => {
    await using store = await open(':memory:');
    const results = await Promise.allSettled([
      store.put('/a', value('1'), 0),
      store.put('/a', value('2'), 0),
      store.put('/b', value('1'), 0),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  test('a closed store refuses writes and tells its subscribers', async () => {
    const store = await open(':memory:');
    let reason: Error | undefined;
    await store.subscribe(
      '/',
      store.revision,
      () => assert.fail(),
      (why) => {
        reason = why;
      },
    );
    await store[Symbol.asyncDispose]();
    assert.ok(reason instanceof StoreUnavailable);
    await assert.rejects(store.put('/a', value('1'), 0), StoreUnavailable);
  });
});
