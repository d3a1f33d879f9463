import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '#base/clock.ts';
import { manualClock } from '#base/manual-clock.ts';
import { Compacted, RevisionMismatch, type Store, type StoreEvent } from '../store.ts';
import { openEmbedded } from './embedded.ts';

const folder = mkdtempSync(join(tmpdir(), 'dhow-model-'));
after(() => rmSync(folder, { recursive: true }));

/** What the store should be: the state at every revision that is not compacted. */
class Model {
  readonly states = new Map<number, ReadonlyMap<string, number>>([[1, new Map()]]);
  revision = 1;
  compacted = 0;

  get state(): ReadonlyMap<string, number> {
    return this.states.get(this.revision) ?? new Map();
  }

  wrote(key: string, revision: number): void {
    this.states.set(revision, new Map(this.state).set(key, revision));
    this.revision = revision;
  }

  deleted(key: string, revision: number): void {
    const state = new Map(this.state);
    state.delete(key);
    this.states.set(revision, state);
    this.revision = revision;
  }
}

const keys = fc.constantFrom('/m/a', '/m/b', '/m/b/c', '/m/d', '/n/a');
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key: keys }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: keys }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  ),
  { minLength: 1, maxLength: 40 },
);
type Step = typeof steps extends fc.Arbitrary<(infer One)[]> ? One : never;

test('store: any sequence of writes, deletions, compactions and restarts leaves what a model says', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const path = join(folder, `${run++}.db`);
      const model = new Model();
      let store = await open(path);
      try {
        for (const step of sequence) {
          if (step.kind === 'reopen') {
            await store[Symbol.asyncDispose]();
            store = await open(path);
          } else await take(step, store, model);
        }
        await compare(store, model);
      } finally {
        await store[Symbol.asyncDispose]();
      }
    }),
    { numRuns: 15 },
  );
});

function open(path: string): Promise<Store> {
  return openEmbedded({ path, clock: manualClock(), ioClock: systemClock });
}

async function take(step: Exclude<Step, { kind: 'reopen' }>, store: Store, model: Model): Promise<void> {
  if (step.kind === 'compact') {
    const revision = Math.max(model.compacted, model.revision - step.back);
    await store.compact(revision);
    model.compacted = revision;
    return;
  }
  const expected = model.state.get(step.key) ?? 0;
  await assert.rejects(store.put(step.key, new Uint8Array(3), expected + 1), RevisionMismatch);
  if (step.kind === 'put') {
    const value = new TextEncoder().encode(`${step.key}@${model.revision + 1}`);
    model.wrote(step.key, await store.put(step.key, value, expected));
  } else if (expected > 0) model.deleted(step.key, await store.delete(step.key, expected));
}

async function compare(store: Store, model: Model): Promise<void> {
  assert.equal(store.revision, model.revision);
  for (const [revision, state] of model.states) {
    const range = store.range('/', { revision });
    if (revision < model.compacted) {
      await assert.rejects(range, Compacted);
      continue;
    }
    const found = (await range).items;
    const keys = found.map((item) => item.key);
    assert.deepEqual(keys, keys.toSorted(compareText));
    assert.deepEqual(new Map(found.map((item) => [item.key, item.revision] as const)), state);
    for (const { key, value, revision: at } of found) assert.equal(new TextDecoder().decode(value), `${key}@${at}`);
  }
  assert.equal(await store.count('/m/'), [...model.state.keys()].filter((key) => key.startsWith('/m/')).length);
  await compareHistory(store, model);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Replayed from the oldest revision that is left, history leads to the newest state through every one between. */
async function compareHistory(store: Store, model: Model): Promise<void> {
  const start = Math.max(1, model.compacted);
  const events: StoreEvent[] = [];
  using _ = await store.subscribe('/', start, (batch) => events.push(...batch), assert.fail.bind(undefined, 'closed'));
  const state = new Map(model.states.get(start));
  for (const event of events) {
    assert.equal(event.previous?.revision, state.get(event.key));
    if (event.type === 'put') state.set(event.key, event.revision);
    else state.delete(event.key);
    assert.deepEqual(state, model.states.get(event.revision));
  }
  assert.deepEqual(state, model.state);
}
