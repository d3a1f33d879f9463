import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import { createEventRecorder } from './events.ts';
import { OwnWrites } from './own-writes.ts';
import { labelMatcher, mapMatcher } from './selectors.ts';
import { WorkQueue } from './work-queue.ts';

/** A clock that stands until it is moved. */
function manualClock(): Clock & { advance(ms: number): void } {
  let now = 1_700_000_000_000;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    sleep: systemClock.sleep,
    advance(ms) {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

test('work queue: a key is held once and never given to two workers', () => {
  const queue = new WorkQueue(manualClock());
  queue.add('a');
  queue.add('a');
  assert.equal(queue.take(), 'a');
  queue.add('a');
  assert.equal(queue.take(), undefined);
  queue.done('a');
  assert.equal(queue.take(), 'a');
  queue.done('a');
  assert.equal(queue.take(), undefined);
});

test('work queue: the shortest of several delays counts; failures double the back-off until forgotten', () => {
  const clock = manualClock();
  const queue = new WorkQueue(clock);
  queue.addAfter('a', 100);
  queue.addAfter('a', 10);
  queue.addAfter('a', 50);
  clock.advance(10);
  assert.equal(queue.take(), 'a');
  queue.done('a');
  clock.advance(1000);
  assert.equal(queue.length, 0);

  queue.addRateLimited('b');
  clock.advance(5);
  assert.equal(queue.take(), 'b');
  queue.done('b');
  queue.addRateLimited('b');
  clock.advance(5);
  assert.equal(queue.length, 0);
  clock.advance(5);
  assert.equal(queue.length, 1);
  queue.forget('b');
  assert.equal(queue.failures('b'), 0);
});

const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

function pod(resourceVersion: string, extra = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'x', uid: 'u', resourceVersion, ...extra },
  };
}

test('own writes: a key waits until the informer shows what was written', async () => {
  const state = { revision: 10, object: pod('9') as ReturnType<typeof pod> | undefined };
  const informer = {
    get: () => state.object,
    get revision() {
      return state.revision;
    },
  };
  const writes = new OwnWrites(() => informer as never);
  const client = writes.clientFor('key', {
    create: async () => pod('12'),
    delete: async () => undefined,
  } as unknown as Client);
  await client.create(pods, pod(''));
  assert.equal(writes.seen('key'), false);
  assert.equal(writes.seen('other'), true);
  state.revision = 12;
  assert.equal(writes.seen('key'), true);
  await client.delete(pods, 'a', 'x');
  assert.equal(writes.seen('key'), false);
  state.object = pod('13', { deletionTimestamp: '2026-01-01T00:00:00Z' });
  assert.equal(writes.seen('key'), true);
});

test('events: repeats are counted, many alike are combined, a flood is cut off', async () => {
  const calls: unknown[] = [];
  const client = {
    create: async (_: unknown, body: object) => (calls.push(body), { ...body }),
    patch: async (_: unknown, { name, body }: { name: string; body: object }) => (
      calls.push(body), { metadata: { name }, ...body }
    ),
  } as unknown as Client;
  const recorder = createEventRecorder({
    client,
    clock: manualClock(),
    log: createLogger('test', 'silent'),
    component: 'test-controller',
  });
  const event = { type: 'Normal', reason: 'Created', message: 'one' } as const;
  recorder.record(pod('1'), event);
  recorder.record(pod('1'), event);
  await recorder.flush();
  assert.partialDeepStrictEqual(calls, [
    { message: 'one', count: 1, source: { component: 'test-controller' }, involvedObject: { kind: 'Pod', name: 'a' } },
    { count: 2 },
  ]);
  for (let n = 0; n < 40; n++) recorder.record(pod('1'), { ...event, message: `message ${n}` });
  await recorder.flush();
  assert.equal(calls.length, 25);
  assert.partialDeepStrictEqual(calls.at(-1), { message: '(combined from similar events): message 22' });
});

test('selectors: an absent one selects nothing, an empty one everything; a service map is the other way round', () => {
  assert.equal(labelMatcher(null)({ a: 'b' }), false);
  assert.equal(labelMatcher({})({ a: 'b' }), true);
  assert.equal(mapMatcher({})({ a: 'b' }), false);
  const matches = labelMatcher({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(matches({ app: 'web', tier: 'a' }), true);
  assert.equal(matches({ app: 'web', tier: 'c' }), false);
  assert.equal(matches({ app: 'web', tier: 'a', old: '' }), false);
});
