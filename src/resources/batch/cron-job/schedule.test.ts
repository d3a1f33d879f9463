import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCronSchedule, isTimeZone } from './schedule.ts';

const good = [
  '*/5 * * * *',
  '0 9-17/2 1,15 JAN-JUN MON-FRI',
  '@hourly',
  '@every 1h30m',
  '1,,2 * * * *',
  'TZ=Europe/Rome 0 0 * * *',
];
const bad = [
  '',
  '* * * *',
  '60 * * * *',
  '* * 0 * *',
  '5-1 * * * *',
  '*/0 * * * *',
  '@fortnightly',
  'TZ=Nowhere/City 0 0 * * *',
];

for (const text of good) test(`schedule: "${text}" is one`, () => assert.ok(isCronSchedule(text)));
for (const text of bad) test(`schedule: "${text}" is none`, () => assert.ok(!isCronSchedule(text)));

test('time zones: names of the database, no offsets and no paths', () => {
  assert.ok(isTimeZone('America/New_York'));
  for (const name of ['+02:00', '../etc', 'Nowhere/City']) assert.ok(!isTimeZone(name));
});
