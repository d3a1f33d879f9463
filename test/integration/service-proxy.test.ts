import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { renderPort } from '#network/proxy/chains.ts';
import type { ServicePortPlan } from '#network/proxy/service-port.ts';
import { changes, type HostPort, replaceTable, type TableContent } from '#network/proxy/transaction.ts';
import { runTool } from '../support/kubectl.ts';

const namespace = `dhow-nft-${process.pid}`;
const options = { table: 'dhow-test', podCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16' };

before(() => assert.equal(runTool('ip', ['netns', 'add', namespace]).code, 0));
after(() => void runTool('ip', ['netns', 'del', namespace]));

/** Runs an nft script in a network namespace of this test's own. */
function apply(script: string): void {
  const { code, stderr } = runTool('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: script });
  assert.equal(code, 0, `${stderr}\n${script}`);
}

function listed(): string {
  return runTool('ip', ['netns', 'exec', namespace, 'nft', 'list', 'table', 'ip', options.table]).stdout;
}

function plan(id: string, rest: Partial<ServicePortPlan> = {}): ServicePortPlan {
  return {
    id,
    protocol: 'tcp',
    port: 80,
    clusterIps: [`10.43.0.${id.length}`],
    externalIps: [],
    nodePort: undefined,
    backends: [
      { ip: '10.42.0.2', port: 8080, local: true },
      { ip: '10.42.0.3', port: 8080, local: false },
    ],
    internalLocal: false,
    externalLocal: false,
    affinitySeconds: undefined,
    ...rest,
  };
}

function content(plans: readonly ServicePortPlan[], hostPorts: readonly HostPort[] = []): TableContent {
  return { ports: new Map(plans.map((one) => [one.id, renderPort(one, options.podCidr)])), hostPorts };
}

const hostPort = { hostIp: '', protocol: 'udp', hostPort: 53, podIp: '10.42.0.9', containerPort: 1053 };

/** Every form that rules can take, each as a step from the one before. */
const steps: readonly (readonly [what: string, content: TableContent])[] = [
  ['nothing', content([])],
  ['a service', content([plan('default/web/tcp/80')])],
  [
    'a second service with affinity',
    content([plan('default/web/tcp/80'), plan('default/sticky/tcp/80', { affinitySeconds: 60 })]),
  ],
  [
    'affinity with another time and one backend less',
    content([
      plan('default/web/tcp/80'),
      plan('default/sticky/tcp/80', { affinitySeconds: 30, backends: [{ ip: '10.42.0.2', port: 8080, local: true }] }),
    ]),
  ],
  [
    'a node port and an external address',
    content([plan('default/web/tcp/80', { nodePort: 30_080, externalIps: ['192.0.2.10'] })]),
  ],
  [
    'a local policy with affinity',
    content([plan('default/web/tcp/80', { nodePort: 30_080, externalLocal: true, affinitySeconds: 60 })]),
  ],
  [
    'a local policy without local backends',
    content([
      plan('default/web/tcp/80', {
        nodePort: 30_080,
        externalLocal: true,
        internalLocal: true,
        backends: [{ ip: '10.42.0.3', port: 1, local: false }],
      }),
    ]),
  ],
  [
    'host ports',
    content(
      [plan('default/dns/udp/53', { protocol: 'udp', port: 53 })],
      [hostPort, { ...hostPort, hostIp: '192.0.2.2' }],
    ),
  ],
  [
    'a host port that moves',
    content(
      [plan('default/dns/udp/53', { protocol: 'udp', port: 53, backends: [] })],
      [{ ...hostPort, podIp: '10.42.0.10' }],
    ),
  ],
  ['nothing again', content([])],
];

test('service proxy: the kernel takes every change, and nothing is left behind', () => {
  let current: TableContent | undefined;
  let empty = '';
  for (const [what, next] of steps) {
    apply(current ? changes(options, current, next) : replaceTable(options, next));
    if (current === undefined) empty = listed();
    for (const rules of next.ports.values()) {
      for (const chain of rules.chains.keys()) assert.ok(listed().includes(`chain ${chain} {`), `${what}: ${chain}`);
      for (const { key } of rules.elements) assert.ok(listed().includes(key), `${what}: ${key}`);
    }
    current = next;
  }
  assert.equal(listed(), empty);
});

test('service proxy: a table that an earlier agent left is replaced', () => {
  apply(replaceTable(options, content([plan('default/old/tcp/80', { nodePort: 30_081 })])));
  apply(replaceTable(options, content([plan('default/new/tcp/80')])));
  assert.ok(!listed().includes('old'));
  assert.ok(listed().includes('chain service/default/new/tcp/80'));
});
