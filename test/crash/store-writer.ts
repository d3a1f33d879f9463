import { writeSync } from 'node:fs';
import { systemClock } from '#base/clock.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';
import type { Store } from '#store/store.ts';

/**
 * A process to be killed: node store-writer.ts PATH [--acknowledge-early]. Writers each count up in a key of their
 * own and report every acknowledged count as a line `key count revision`, written before anything else happens.
 */
const WRITERS = 24;
const HISTORY_REVISIONS = 500;

const [path = '', flag] = process.argv.slice(2);
const store = await openEmbedded({ path, clock: systemClock, ioClock: systemClock });
const target = flag === '--acknowledge-early' ? acknowledgingEarly(store) : store;
writeSync(1, `opened 0 ${store.revision}\n`);
await Promise.all(Array.from({ length: WRITERS }, (_, index) => countUp(target, `/count/${index}`)));

async function countUp(to: Pick<Store, 'put'>, key: string): Promise<void> {
  const found = await store.get(key);
  let revision = found?.revision ?? 0;
  let count = found ? Number(new TextDecoder().decode(found.value).trim()) : 0;
  for (;;) {
    count++;
    const value = new TextEncoder().encode(String(count).padEnd(1000));
    revision = await to.put(key, value, revision);
    writeSync(1, `${key} ${count} ${revision}\n`);
    if (count % 100 === 0) await store.compact(store.revision - HISTORY_REVISIONS);
  }
}

/** The planted bug: a write is acknowledged while its batch is still on the way to the disk. */
function acknowledgingEarly(real: Store): Pick<Store, 'put'> {
  const newest = new Map<string, Promise<number>>();
  return {
    async put(key, value, expected) {
      const before = await (newest.get(key) ?? expected);
      newest.set(key, real.put(key, value, before));
      return real.revision + 1;
    },
  };
}
