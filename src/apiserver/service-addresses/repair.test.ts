import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import type { IPAddress } from '#machinery/types/networking-v1.ts';
import { planRepair } from './repair.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

function serviceWith(name: string, spec: ServiceSpec): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'n' }, spec, status: { loadBalancer: {} } };
}

function address(name: string, parent: string, created = '2026-11-21T11:00:00Z', managed = true): IPAddress {
  const labels = managed ? { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } : {};
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name, creationTimestamp: created, labels },
    spec: { parentRef: { resource: 'services', namespace: 'n', name: parent } },
  };
}

test('repair: addresses of services get their objects, orphans go', () => {
  const services = [
    serviceWith('has', { clusterIP: '10.43.0.2', clusterIPs: ['10.43.0.2'] }),
    serviceWith('lacks', { clusterIP: '10.43.0.3', clusterIPs: ['10.43.0.3'] }),
    serviceWith('headless', { clusterIP: 'None', clusterIPs: ['None'] }),
    serviceWith('external', { type: 'ExternalName', externalName: 'x.example.com' }),
  ];
  const addresses = [
    address('10.43.0.2', 'has'),
    address('10.43.0.4', 'gone'),
    address('10.43.0.5', 'has'),
    address('10.43.0.6', 'young', '2026-11-21T11:59:30Z'),
    address('10.43.0.7', 'mine', '2026-11-21T11:00:00Z', false),
  ];
  assert.deepEqual(planRepair(services, addresses, NOW), {
    create: [{ address: '10.43.0.3', service: { namespace: 'n', name: 'lacks' } }],
    release: [
      { address: '10.43.0.4', service: { namespace: 'n', name: 'gone' } },
      { address: '10.43.0.5', service: { namespace: 'n', name: 'has' } },
    ],
    conflicts: [],
  });
});

test('repair: two services with one address are left to an administrator', () => {
  const spec = { clusterIP: '10.43.0.2', clusterIPs: ['10.43.0.2'] };
  const plan = planRepair([serviceWith('a', spec), serviceWith('b', spec)], [address('10.43.0.2', 'a')], NOW);
  assert.deepEqual(plan.conflicts, [{ address: '10.43.0.2', service: { namespace: 'n', name: 'b' } }]);
  assert.deepEqual([plan.create, plan.release], [[], []]);
});
