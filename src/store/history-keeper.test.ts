import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { manualClock } from '#base/manual-clock.ts';
import { openEmbedded } from './embedded/embedded.ts';
import { HISTORY_MS, keepHistory } from './history-keeper.ts';
import { Compacted, type Store } from './store.ts';

describe('history', () => {
  test('is kept for five minutes and then given up', async () => {
    const clock = manualClock();
    await using store = await openEmbedded({ path: ':memory:', clock, ioClock: systemClock });
    using _ = keepHistory(store, clock, (error) => assert.ifError(error));
    const first = await store.put('/a', new Uint8Array(1), 0);
    await store.put('/a', new Uint8Array(2), first);
    for (let passed = 0; passed < HISTORY_MS; passed += 30_000) {
      clock.advance(30_000);
      await systemClock.sleep(1);
    }
    await store.range('/', { revision: first });
    const limit = systemClock.now() + 10_000;
    while (await isKept(store, first)) {
      assert.ok(systemClock.now() < limit, 'history is still there after 10 s');
      clock.advance(30_000);
      await systemClock.sleep(1);
    }
    assert.equal(await store.count('/'), 1);
  });
});

async function isKept(store: Store, revision: number): Promise<boolean> {
  try {
    await store.range('/', { revision });
    return true;
  } catch (error) {
    if (error instanceof Compacted) return false;
    throw error;
  }
}
