import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowGate } from './flow-control.ts';

const never = new AbortController().signal;

test('flow control: as many wait as may enter, in order; the next is turned away', async () => {
  const gate = new FlowGate(2);
  await gate.enter(never);
  await gate.enter(never);
  const order: number[] = [];
  const waiting = [1, 2].map((number) => gate.enter(never).then(() => order.push(number)));
  await assert.rejects(gate.enter(never), { code: 429, reason: 'TooManyRequests' });
  gate.leave();
  gate.leave();
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2]);
  assert.equal(gate.inside, 2);
  gate.leave();
  gate.leave();
  assert.equal(gate.inside, 0);
});

test('flow control: whoever gives up waiting leaves the queue', async () => {
  const gate = new FlowGate(1);
  await gate.enter(never);
  const patience = new AbortController();
  const given = gate.enter(patience.signal);
  patience.abort(new Error('gave up'));
  await assert.rejects(given, /gave up/);
  gate.leave();
  assert.equal(gate.inside, 0);
});
