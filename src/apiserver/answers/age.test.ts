import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showAge, showDuration } from './age.ts';

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

test('age: two units at most, fewer the longer it is', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [3 * MINUTE + 20 * SECOND, '3m20s'],
    [10 * MINUTE + 5 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR + 10 * MINUTE, '3h10m'],
    [8 * HOUR + 10 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [2 * DAY + 4 * HOUR, '2d4h'],
    [8 * DAY + 4 * HOUR, '8d'],
    [729 * DAY, '729d'],
    [2 * 365 * DAY + 30 * DAY, '2y30d'],
    [9 * 365 * DAY, '9y'],
    [-2 * SECOND, '<invalid>'],
  ];
  for (const [ms, shown] of cases) assert.equal(showDuration(ms), shown);
  assert.equal(showAge(undefined, 0), '<unknown>');
});
