import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { renderPort } from './chains.ts';
import { planService } from './service-port.ts';
import { changes, replaceTable, type TableContent } from './transaction.ts';

const options = { table: 'dhow', podCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16' };

function service(spec: Partial<Service['spec']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      clusterIP: '10.43.0.7',
      clusterIPs: ['10.43.0.7'],
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
    status: { loadBalancer: {} },
  } as Service;
}

function slice(
  ...endpoints: readonly (readonly [ip: string, conditions?: object, nodeName?: string])[]
): EndpointSlice {
  return {
    addressType: 'IPv4',
    metadata: { name: 'web-1', namespace: 'default' },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(([ip, conditions, nodeName]) => ({
      addresses: [ip],
      conditions: conditions ?? { ready: true },
      nodeName: nodeName ?? 'here',
    })),
  } as unknown as EndpointSlice;
}

function content(...plans: ReturnType<typeof planService>): TableContent {
  return { ports: new Map(plans.map((plan) => [plan.id, renderPort(plan, options.podCidr)])), hostPorts: [] };
}

test('service proxy: only ready backends are used, ending ones where there is no other', () => {
  const ending = { ready: false, serving: true, terminating: true };
  const backends = (...slices: EndpointSlice[]) =>
    planService(service(), slices, 'here')[0]?.backends.map(({ ip }) => ip);
  assert.deepEqual(backends(slice(['10.42.0.2'], ['10.42.0.3', ending])), ['10.42.0.2']);
  assert.deepEqual(backends(slice(['10.42.0.3', ending])), ['10.42.0.3']);
  assert.deepEqual(backends(slice(['10.42.0.3', { ready: false }])), []);
});

test('service proxy: headless and ExternalName services have no rules', () => {
  assert.deepEqual(planService(service({ clusterIP: 'None' }), [], 'here'), []);
  assert.deepEqual(planService(service({ type: 'ExternalName' }), [], 'here'), []);
});

test('service proxy: a service without backends has no entry, so that its packets are refused', () => {
  const [plan] = planService(service({ nodePort: 30080 } as object), [], 'here');
  assert.ok(plan);
  assert.deepEqual(renderPort(plan, options.podCidr).elements, []);
});

test('service proxy: a Local policy uses backends of this node, and drops where there are none', () => {
  const spec = {
    externalTrafficPolicy: 'Local',
    ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
  };
  const [plan] = planService(service(spec), [slice(['10.42.0.2', { ready: true }, 'there'])], 'here');
  assert.ok(plan);
  const rules = renderPort(plan, options.podCidr);
  assert.equal(rules.chains.get('external/default/web/tcp/80')?.at(-1), 'drop');
  assert.ok(rules.chains.get('cluster/default/web/tcp/80')?.at(-1)?.includes('10.42.0.2'));
});

test('service proxy: a change names only what changed', () => {
  const many = Array.from(
    { length: 50 },
    (_item, index) => ({ ...service(), metadata: { name: `s${index}`, namespace: 'default' } }) as Service,
  );
  const before: TableContent = content(...many.flatMap((one) => planService(one, [slice(['10.42.0.2'])], 'here')));
  const [changed] = planService(many[7] as Service, [slice(['10.42.0.2'], ['10.42.0.3'])], 'here');
  assert.ok(changed);
  const after: TableContent = {
    ...before,
    ports: new Map(before.ports).set(changed.id, renderPort(changed, options.podCidr)),
  };
  const script = changes(options, before, after);
  assert.ok(script.includes('default/s7/'));
  assert.ok(!script.includes('default/s8/'));
  assert.ok(script.includes('add element ip dhow hairpin { 10.42.0.3 . 10.42.0.3 }'));
  assert.ok(!script.includes('10.42.0.2 . 10.42.0.2'));
  assert.equal(changes(options, after, after), '');
});

test('service proxy: a service that goes leaves nothing behind', () => {
  const before = content(...planService(service({ sessionAffinity: 'ClientIP' }), [slice(['10.42.0.2'])], 'here'));
  const script = changes(options, before, content());
  for (const chain of before.ports.get('default/web/tcp/80')?.chains.keys() ?? []) {
    assert.ok(script.includes(`delete chain ip dhow ${chain}`), chain);
  }
  assert.ok(script.includes('delete set ip dhow affinity/'));
  assert.ok(script.includes('delete element ip dhow service-ips'));
  assert.ok(script.includes('delete element ip dhow hairpin { 10.42.0.2 . 10.42.0.2 }'));
});

test('service proxy: the first table replaces an old one in one transaction', () => {
  const script = replaceTable(options, content());
  assert.ok(script.startsWith('add table ip dhow\ndelete table ip dhow\n'));
});
