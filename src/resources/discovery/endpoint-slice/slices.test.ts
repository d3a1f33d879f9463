import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { subsetsOf } from '../../core/endpoints/subsets.ts';
import { planSlices } from './slices.ts';

function service(spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', uid: 's', labels: { tier: 'front' } },
    spec: {
      clusterIP: '10.43.0.9',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      ...spec,
    },
    status: { loadBalancer: {} },
  };
}

function pod(number: number, change: { ready?: boolean; going?: boolean; port?: number; phase?: string } = {}): Pod {
  const { ready = true, going = false, port = 8080, phase = 'Running' } = change;
  const ip = `10.42.${Math.floor(number / 250)}.${number % 250}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${number}`,
      namespace: 'shop',
      uid: `u${number}`,
      ...(going ? { deletionTimestamp: 'now' } : {}),
    },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', resources: {}, ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }],
    },
    status: {
      phase,
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastProbeTime: '', lastTransitionTime: '' }],
    },
  };
}

const nodeOf = () => ({ metadata: { labels: { 'topology.kubernetes.io/zone': 'z1' } } }) as unknown as Node;

function plan(pods: readonly Pod[], slices: readonly EndpointSlice[] = [], one = service()) {
  return planSlices({ service: one, pods, nodeOf, slices });
}

function stored(pods: readonly Pod[], one = service()): readonly EndpointSlice[] {
  return plan(pods, [], one).create.map((slice, index) => ({
    ...slice,
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...slice.metadata, name: `web-${index}` },
  }));
}

test('slices: endpoints with conditions, node, zone and target; settled slices are left alone', () => {
  const pods = [pod(1), pod(2, { ready: false }), pod(3, { going: true }), pod(4, { phase: 'Succeeded' })];
  const [slice] = plan(pods).create;
  assert.deepEqual(
    slice?.endpoints?.map(({ conditions }) => conditions),
    [
      { ready: true, serving: true, terminating: false },
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
    ],
  );
  assert.partialDeepStrictEqual(slice, {
    metadata: {
      generateName: 'web-',
      labels: {
        tier: 'front',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.42.0.1'],
        nodeName: 'n',
        zone: 'z1',
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'p1', uid: 'u1' },
      },
    ],
  });
  assert.deepEqual(plan(pods, stored(pods)), { create: [], update: [], delete: [] });
});

test('slices: at most a hundred endpoints each; one change rewrites one slice', () => {
  const pods = Array.from({ length: 250 }, (_, number) => pod(number + 1));
  const slices = stored(pods);
  assert.deepEqual(
    slices.map(({ endpoints }) => endpoints?.length),
    [100, 100, 50],
  );
  const changed = pods.with(150, pod(151, { ready: false }));
  const { create, update, delete: gone } = plan(changed, slices);
  assert.deepEqual([create.length, update.map(({ metadata }) => metadata.name), gone.length], [0, ['web-1'], 0]);
  const more = plan([...pods, pod(900)], slices);
  assert.deepEqual(
    more.update.map(({ metadata }) => metadata.name),
    ['web-2'],
  );
});

test('slices: pods with other ports have a slice of their own; none at all leave an empty one', () => {
  const mixed = plan([pod(1), pod(2, { port: 9090 })]);
  assert.deepEqual(
    mixed.create.map(({ ports }) => ports?.[0]?.port),
    [8080, 9090],
  );
  const empty = plan([], stored([pod(1)]));
  assert.deepEqual([empty.create.length, empty.delete.length], [0, 0]);
  assert.deepEqual(
    empty.update.map(({ endpoints, ports }) => [endpoints, ports]),
    [[[], []]],
  );
});

test('slices: unready pods are published where the service says so; headless ones are marked', () => {
  const [slice] = plan(
    [pod(1, { ready: false })],
    [],
    service({ publishNotReadyAddresses: true, clusterIP: 'None' }),
  ).create;
  assert.equal(slice?.endpoints?.[0]?.conditions.ready, true);
  assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '');
});

test('endpoints: ready and not ready addresses of equal ports together, going pods left out', () => {
  const subsets = subsetsOf(service(), [pod(2), pod(1, { ready: false }), pod(3, { going: true })]);
  assert.partialDeepStrictEqual(subsets, [
    {
      addresses: [{ ip: '10.42.0.2' }],
      notReadyAddresses: [{ ip: '10.42.0.1' }],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ]);
  assert.equal(subsets[0]?.addresses?.length, 1);
});
