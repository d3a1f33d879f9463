import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '#base/clock.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';

/**
 * Durable writes of 1 KiB, each awaited, beside two floors measured in the same run: appending to a file with one
 * fdatasync a group, and one bare SQLite table with one commit a group. Prints one JSON line a measurement.
 */
const VALUE = new Uint8Array(1024).fill(120);
const KEYS = 5000;
const MEASURE_MS = 2000;

interface Result {
  readonly writers: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

type Write = (key: number) => Promise<unknown>;

const folder = mkdtempSync(join(tmpdir(), 'dhow-bench-store-'));
try {
  for (const writers of [1, 64, 1000]) {
    const append = await appendFloor(writers);
    const sqlite = await sqliteFloor(writers);
    const store = await ourStore(writers);
    print({ bench: 'append and fdatasync', ...append });
    print({ bench: 'bare SQLite', ...sqlite });
    print({
      bench: 'embedded store',
      ...store,
      ofAppend: ratio(store.perSecond, append.perSecond),
      ofSqlite: ratio(store.perSecond, sqlite.perSecond),
    });
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(writers: number, write: Write): Promise<Result> {
  const latencies: number[] = [];
  const end = performance.now() + MEASURE_MS;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      // Every writer has keys of its own, so that nobody loses a race.
      for (let key = writer; performance.now() < end; key = key + writers < KEYS ? key + writers : writer) {
        const started = performance.now();
        await write(key);
        latencies.push(performance.now() - started);
      }
    }),
  );
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(2));
  return {
    writers,
    perSecond: Math.round((sorted.length / MEASURE_MS) * 1000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

/** Collects what is written while the group before is being made durable. */
function grouped(commit: (count: number) => Promise<void> | void): Write {
  let waiting: (() => void)[] = [];
  let running = false;
  async function run(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await commit(group.length);
      for (const resolve of group) resolve();
      await new Promise(setImmediate);
    }
    running = false;
  }
  return () =>
    new Promise<void>((resolve, reject) => {
      waiting.push(resolve);
      if (!running) run().catch(reject);
    });
}

async function appendFloor(writers: number): Promise<Result> {
  const file: FileHandle = await open(join(folder, `append-${writers}`), 'a');
  try {
    return await measure(
      writers,
      grouped(async (count) => {
        await file.write(Buffer.alloc(count * VALUE.length, 120));
        await file.datasync();
      }),
    );
  } finally {
    await file.close();
  }
}

function sqliteFloor(writers: number): Promise<Result> {
  const db = new DatabaseSync(join(folder, `bare-${writers}.db`));
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE log (id INTEGER PRIMARY KEY, value BLOB)',
  );
  const [begin, insert, commit] = [
    db.prepare('BEGIN'),
    db.prepare('INSERT INTO log (value) VALUES (?)'),
    db.prepare('COMMIT'),
  ];
  const write = grouped((count) => {
    begin.run();
    for (let index = 0; index < count; index++) insert.run(VALUE);
    commit.run();
  });
  return measure(writers, write).finally(() => db.close());
}

async function ourStore(writers: number): Promise<Result> {
  const path = join(folder, `store-${writers}.db`);
  await using store = await openEmbedded({ path, clock: systemClock, ioClock: systemClock });
  const revisions = await Promise.all(
    Array.from({ length: KEYS }, (_, key) => store.put(`/registry/pods/default/pod-${key}`, VALUE, 0)),
  );
  let told = 0;
  using _ = await store.subscribe(
    '/',
    store.revision,
    (events) => (told += events.length),
    () => undefined,
  );
  const result = await measure(writers, async (key) => {
    revisions[key] = await store.put(`/registry/pods/default/pod-${key}`, VALUE, revisions[key] ?? 0);
  });
  if (told === 0) throw new Error('the subscriber was told nothing');
  return result;
}

function ratio(ours: number, floor: number): number {
  return Number((ours / floor).toFixed(2));
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
