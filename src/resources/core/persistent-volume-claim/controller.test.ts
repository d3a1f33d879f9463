import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, Pod } from '#machinery/types/core-v1.ts';
import { isReleasable } from '../persistent-volume/controller.ts';
import { usesClaim } from './controller.ts';

function user(nodeName: string | undefined, volume: object): Pod {
  return { metadata: { name: 'web' }, spec: { nodeName, volumes: [{ name: 'data', ...volume }] } } as unknown as Pod;
}

test('claim protection: a pod on a node uses its claims, also those made for it', () => {
  assert.equal(usesClaim(user('n1', { persistentVolumeClaim: { claimName: 'disk' } }), 'disk'), true);
  assert.equal(usesClaim(user('n1', { persistentVolumeClaim: { claimName: 'disk' } }), 'other'), false);
  assert.equal(usesClaim(user('n1', { ephemeral: {} }), 'web-data'), true);
  assert.equal(usesClaim(user(undefined, { persistentVolumeClaim: { claimName: 'disk' } }), 'disk'), false);
});

test('volume protection: a bound volume stays until its claim is gone', () => {
  const volume = (phase: string, deletionTimestamp?: string) =>
    ({
      metadata: { deletionTimestamp, finalizers: ['kubernetes.io/pv-protection'] },
      status: { phase },
    }) as unknown as PersistentVolume;
  assert.equal(isReleasable(volume('Bound', '2026-01-01T00:00:00Z')), false);
  assert.equal(isReleasable(volume('Available', '2026-01-01T00:00:00Z')), true);
  assert.equal(isReleasable(volume('Available')), false);
});
