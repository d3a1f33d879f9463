import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { recordTypes, responseCodes } from './message.ts';
import { answerFromZone, type ZoneSource } from './zone.ts';

const services = [
  {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.43.0.7', clusterIPs: ['10.43.0.7'], ports: [{ name: 'http', port: 80, targetPort: 80 }] },
  },
  {
    metadata: { name: 'db', namespace: 'default' },
    spec: { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'pg', port: 5432, targetPort: 5432 }] },
  },
  { metadata: { name: 'out', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'example.org' } },
  {
    metadata: { name: 'alias', namespace: 'default' },
    spec: { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' },
  },
] as unknown as Service[];

const slices = [
  {
    metadata: { name: 'db-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.42.0.5'], conditions: { ready: true }, hostname: 'db-0' },
      { addresses: ['10.42.0.6'], conditions: { ready: true } },
      { addresses: ['10.42.0.9'], conditions: { ready: false } },
    ],
  },
] as unknown as EndpointSlice[];

const source: ZoneSource = {
  domain: 'cluster.local',
  service: (name, namespace) =>
    services.find((service) => service.metadata.name === name && service.metadata.namespace === namespace),
  slices: (name) => slices.filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name),
  servicesAt: (ip) => services.filter((service) => service.spec.clusterIPs?.includes(ip)),
  slicesAt: (ip) => slices.filter((slice) => slice.endpoints?.some((endpoint) => endpoint.addresses?.includes(ip))),
  namespaceExists: (name) => name === 'default',
};

function ask(name: string, type: keyof typeof recordTypes = 'A') {
  return answerFromZone(name, recordTypes[type], source);
}

function shown(name: string, type: keyof typeof recordTypes = 'A'): readonly string[] {
  return (ask(name, type)?.answer.answers ?? []).map((record) =>
    record.type === 'A'
      ? record.address
      : record.type === 'SRV'
        ? `${record.port} ${record.target}`
        : 'target' in record
          ? record.target
          : record.type,
  );
}

const cases: readonly [name: string, type: keyof typeof recordTypes, expected: readonly string[]][] = [
  ['web.default.svc.cluster.local', 'A', ['10.43.0.7']],
  ['web.default.svc.cluster.local', 'AAAA', []],
  ['_http._tcp.web.default.svc.cluster.local', 'SRV', ['80 web.default.svc.cluster.local']],
  ['db.default.svc.cluster.local', 'A', ['10.42.0.5', '10.42.0.6']],
  ['db-0.db.default.svc.cluster.local', 'A', ['10.42.0.5']],
  ['10-42-0-6.db.default.svc.cluster.local', 'A', ['10.42.0.6']],
  [
    '_pg._tcp.db.default.svc.cluster.local',
    'SRV',
    ['5432 db-0.db.default.svc.cluster.local', '5432 10-42-0-6.db.default.svc.cluster.local'],
  ],
  ['out.default.svc.cluster.local', 'A', ['example.org']],
  ['alias.default.svc.cluster.local', 'A', ['web.default.svc.cluster.local', '10.43.0.7']],
  ['10-42-0-5.default.pod.cluster.local', 'A', ['10.42.0.5']],
  ['7.0.43.10.in-addr.arpa', 'PTR', ['web.default.svc.cluster.local']],
  ['5.0.42.10.in-addr.arpa', 'PTR', ['db-0.db.default.svc.cluster.local']],
  ['dns-version.cluster.local', 'TXT', ['TXT']],
];

for (const [name, type, expected] of cases) {
  test(`dns zone: ${type} ${name}`, () => assert.deepEqual(shown(name, type), expected));
}

test('dns zone: a name that does not exist is NXDOMAIN with the SOA, another type of one that does is empty', () => {
  for (const name of [
    'nope.default.svc.cluster.local',
    'web.nope.svc.cluster.local',
    'x.web.default.svc.cluster.local',
    'nope.cluster.local',
  ]) {
    const found = ask(name);
    assert.equal(found?.answer.code, responseCodes.NXDOMAIN, name);
    assert.equal(found?.answer.authority?.[0]?.type, 'SOA');
  }
  assert.equal(ask('web.default.svc.cluster.local', 'AAAA')?.answer.code, responseCodes.NOERROR);
  assert.equal(ask('default.svc.cluster.local')?.answer.code, responseCodes.NOERROR);
});

test('dns zone: names outside the cluster are left to other servers', () => {
  assert.equal(ask('example.org'), undefined);
  assert.equal(ask('notcluster.local'), undefined);
  assert.equal(ask('1.2.0.192.in-addr.arpa', 'PTR'), undefined);
  assert.equal(ask('out.default.svc.cluster.local')?.continueAt, 'example.org');
});

test('dns zone: a backend that is not ready has no address', () => {
  assert.ok(!shown('db.default.svc.cluster.local').includes('10.42.0.9'));
});
