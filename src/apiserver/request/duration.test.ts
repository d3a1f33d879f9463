import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGoDuration } from './duration.ts';

test('duration: as Go writes it', () => {
  assert.equal(parseGoDuration('1m30s'), 90_000);
  assert.equal(parseGoDuration('1.5h'), 5_400_000);
  assert.equal(parseGoDuration('500ms'), 500);
  assert.equal(parseGoDuration('-2s'), -2000);
  assert.equal(parseGoDuration('0'), 0);
  for (const bad of ['', '1', 'x', '1x', '1s ', 's']) assert.equal(parseGoDuration(bad), undefined, bad);
});
