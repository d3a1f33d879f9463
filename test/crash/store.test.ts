import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { systemRandomness } from '#base/random.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';

const ROUNDS = 6;
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test('store: kill -9 at any moment under load loses nothing that was acknowledged', async () => {
  const path = databasePath();
  let newest = 0;
  let counts = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await killedWriter(path, []);
    const problems = await lostIn(path, acknowledged, newest);
    assert.deepEqual(problems, [], `round ${round}`);
    newest = Math.max(newest, ...acknowledged.map((line) => line.revision));
    counts += acknowledged.length;
  }
  assert.ok(counts > 1000, `only ${counts} writes were made: the machine is too slow for this test to mean anything`);
});

test('store: the crash test finds a store that acknowledges before it has committed', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const path = databasePath();
    const acknowledged = await killedWriter(path, ['--acknowledge-early']);
    const problems = await lostIn(path, acknowledged, 0);
    if (problems.some((problem) => problem.includes('was acknowledged'))) return;
  }
  assert.fail('the planted bug was not found');
});

interface Acknowledged {
  readonly key: string;
  readonly count: number;
  readonly revision: number;
}

function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-crash-'));
  folders.push(folder);
  return join(folder, 'state.db');
}

/** Runs a writer for a moment of random length, kills it, and gives what it had been told. */
async function killedWriter(path: string, flags: readonly string[]): Promise<readonly Acknowledged[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'store-writer.ts'), path, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  const opened = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      resolve();
    });
  });
  await Promise.race([opened, ended]);
  await systemClock.sleep(20 + systemRandomness.fraction() * 250);
  child.kill('SIGKILL');
  await ended;
  // A line that was cut off was not reported.
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [key = '', count, revision] = line.split(' ');
    return { key, count: Number(count), revision: Number(revision) };
  });
}

/** What of the acknowledged is not there, or not as it was acknowledged; and whether the revision went back. */
async function lostIn(path: string, acknowledged: readonly Acknowledged[], before: number): Promise<readonly string[]> {
  await using store = await openEmbedded({ path, clock: systemClock, ioClock: systemClock });
  const problems: string[] = [];
  const [opened, ...writes] = acknowledged;
  if (!opened || opened.revision < before) problems.push(`opened at ${opened?.revision}, before it was ${before}`);
  const last = new Map(writes.map((write) => [write.key, write] as const));
  for (const { key, count, revision } of last.values()) {
    const found = await store.get(key);
    const there = found ? Number(new TextDecoder().decode(found.value).trim()) : 0;
    // One more may have become durable without anybody being told.
    if (there < count || there > count + 1) problems.push(`${key}: ${count} was acknowledged, ${there} is there`);
    else if (there === count && found?.revision !== revision) problems.push(`${key}: at another revision`);
    if (store.revision < revision) problems.push(`the revision went back from ${revision} to ${store.revision}`);
  }
  return problems;
}
