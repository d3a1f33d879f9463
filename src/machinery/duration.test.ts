import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration, humanDuration, parseGoDuration } from './duration.ts';

test('duration: ages have at most two units', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [-1, '0s'],
    [-5, '<invalid>'],
    [119, '119s'],
    [303, '5m3s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [7 * 3600 + 120, '7h2m'],
    [47 * 3600, '47h'],
    [52 * 3600, '2d4h'],
    [9 * 86400, '9d'],
    [800 * 86400, '2y70d'],
    [9 * 365 * 86400, '9y'],
  ];
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds * 1000), text);
});

test('duration: Go durations are written and read', () => {
  for (const [ms, text] of [
    [5400000, '1h30m0s'],
    [1500, '1.5s'],
    [300, '300ms'],
    [0, '0s'],
  ] as const) {
    assert.equal(goDuration(ms), text);
    assert.equal(parseGoDuration(text), ms);
  }
  assert.equal(parseGoDuration('1d'), undefined);
});
