import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from '#machinery/duration.ts';
import type { Pod, Service } from '#machinery/types/core-v1.ts';
import { BackOff } from '../containers/back-off.ts';
import { expand } from '../containers/expansion.ts';
import { environment, serviceVariables } from './environment.ts';

test('expansion: known names are replaced, unknown ones stay, $$ is a dollar', () => {
  const values = new Map([['A', '1']]);
  assert.equal(expand('$(A) $(B) $$(A) $$$(A) $A $(', values), '1 $(B) $(A) $1 $A $(');
});

test('environment: env wins over envFrom, envFrom over services; missing objects are named', async () => {
  const container = {
    name: 'c',
    resources: {},
    envFrom: [{ configMapRef: { name: 'm' } }, { secretRef: { name: 'gone', optional: true } }],
    env: [
      { name: 'K', value: 'own $(J)' },
      { name: 'N', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    ],
  };
  const pod = {
    metadata: { name: 'p', namespace: 'ns', labels: { app: 'x' } },
    spec: { containers: [container] },
    status: {},
  } as unknown as Pod;
  const service = {
    metadata: { name: 'db' },
    spec: { clusterIP: '10.0.0.9', ports: [{ port: 5432 }] },
  } as unknown as Service;
  const input = {
    pod,
    container,
    references: {
      configMap: async () =>
        ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { J: '2', K: 'map', DB_PORT: 'mine' } }) as const,
      secret: async () => undefined,
    },
    addresses: { podIps: [], hostIps: [] },
    services: [service],
    allocatable: {},
    volumeFile: async () => undefined,
  };
  const result = await environment(input);
  assert.deepEqual(
    ['J', 'K', 'N', 'DB_PORT', 'DB_SERVICE_HOST'].map((name) => result.get(name)),
    ['2', 'own 2', 'x', 'mine', '10.0.0.9'],
  );
  const missing = { ...container, envFrom: [{ secretRef: { name: 'gone' } }] };
  await assert.rejects(environment({ ...input, container: missing }), /^Error: secret "gone" not found$/);
});

test('environment: a service shows its ports in both old forms', () => {
  const service = {
    metadata: { name: 'my-web' },
    spec: { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  } as unknown as Service;
  assert.deepEqual(Object.fromEntries(serviceVariables(service)), {
    MY_WEB_SERVICE_HOST: '10.0.0.1',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP: '80',
    MY_WEB_PORT: 'tcp://10.0.0.1:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.0.0.1:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.0.0.1',
  });
});

test('back-off: none at first, then 10 s doubled up to five minutes, forgotten after ten', () => {
  const backOff = new BackOff();
  let now = 1_000_000;
  assert.equal(backOff.remaining('k', now, now), 0);
  const waits: string[] = [];
  for (let crash = 0; crash < 7; crash++) {
    backOff.next('k', now, now);
    waits.push(goDuration(backOff.waitMs('k')));
    now += backOff.remaining('k', now, now);
  }
  assert.deepEqual(waits, ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s']);
  assert.equal(backOff.remaining('k', now, now + 601_000), 0);
});
