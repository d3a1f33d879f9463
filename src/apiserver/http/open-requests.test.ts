import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenRequests } from './open-requests.ts';

test('open requests: closing ends what would last, cutting ends the rest', () => {
  const requests = new OpenRequests();
  const [watch, write, late] = [requests.begin(), requests.begin(), requests.begin()];
  watch.lasts();
  requests.close();
  assert.deepEqual(
    [watch, write, late].map(({ signal }) => signal.aborted),
    [true, false, false],
  );
  late.lasts();
  assert.equal(late.signal.aborted, true, 'what begins to last after the end has come ends at once');
  requests.cut();
  assert.equal(write.signal.aborted, true);
});

test('open requests: an answered request is not aborted, a client that leaves aborts its own', () => {
  const requests = new OpenRequests();
  const [answered, left, other] = [requests.begin(), requests.begin(), requests.begin()];
  answered.lasts();
  answered.answered();
  answered.gone();
  left.gone();
  requests.close();
  assert.deepEqual(
    [answered, left, other].map(({ signal }) => signal.aborted),
    [false, true, false],
  );
});
