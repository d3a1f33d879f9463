import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#machinery/types/core-v1.ts';
import { baselineChecks } from './baseline.ts';

const LATEST = Number.POSITIVE_INFINITY;

function forbiddenSysctls(minor: number, ...names: readonly string[]): string | undefined {
  const sysctls = names.map((name) => ({ name, value: '1' }));
  const pod: Partial<Pod> = { metadata: { name: 'p' }, spec: { containers: [], securityContext: { sysctls } } };
  return baselineChecks['sysctls']?.violation(pod as Pod, minor);
}

test('baseline: a sysctl that is not known to be safe is forbidden in every version', () => {
  for (const minor of [0, 29, LATEST]) {
    assert.equal(
      forbiddenSysctls(minor, 'kernel.msgmax', 'net.ipv4.tcp_syncookies', 'constructor'),
      'kernel.msgmax, constructor',
    );
  }
});

test('baseline: a sysctl is safe from the version that found it so', () => {
  assert.equal(forbiddenSysctls(28, 'net.ipv4.tcp_keepalive_time'), 'net.ipv4.tcp_keepalive_time');
  assert.equal(forbiddenSysctls(29, 'net.ipv4.tcp_keepalive_time'), undefined);
  assert.equal(forbiddenSysctls(LATEST, 'net.ipv4.tcp_keepalive_time'), undefined);
});
