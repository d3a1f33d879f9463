import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '#base/manual-clock.ts';
import { systemRandomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import type { Node, Pod, PodSpec } from '#machinery/types/core-v1.ts';
import { amountOf, podRequests } from './amounts.ts';
import { SchedulerCache } from './cache.ts';
import { feasibleNodesToFind, SchedulingCycle } from './cycle.ts';
import type { Snapshot } from './framework.ts';
import { defaultPlugins } from './profile.ts';
import { SchedulingQueue } from './queue.ts';

const plugins = defaultPlugins({} as Client);
let uids = 0;

function pod(
  spec: Partial<PodSpec> & { cpu?: string; memory?: string } = {},
  labels: Record<string, string> = {},
): Pod {
  const { cpu, memory, ...rest } = spec;
  const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: `u${uids++}`, labels },
    spec: { containers: [{ name: 'c', image: 'web', resources: { requests } }], ...rest },
    status: {},
  };
}

function node(name: string, change: { labels?: Record<string, string>; spec?: Node['spec']; cpu?: string } = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...change.labels } },
    spec: change.spec ?? {},
    status: { allocatable: { cpu: change.cpu ?? '2', memory: '4Gi', pods: '110' } } as unknown as Node['status'],
  };
}

function decide(wanted: Pod, nodes: readonly Node[], placed: readonly (readonly [Pod, string])[] = []) {
  const cache = new SchedulerCache();
  for (const one of nodes) cache.setNode(one);
  for (const [existing, name] of placed) cache.setPod({ ...existing, spec: { ...existing.spec, nodeName: name } });
  const snapshot: Snapshot = {
    nodes: cache.nodes,
    get: (name) => cache.get(name),
    nodesWithAffinity: cache.nodes,
    nodesWithRequiredAntiAffinity: cache.nodes,
    namespaceLabels: () => ({}),
    ownerSelector: () => undefined,
  };
  const decision = new SchedulingCycle(plugins, systemRandomness).decide(wanted, snapshot);
  return decision.type === 'node' ? decision.nodeName : decision.message;
}

const HELPLESS =
  'no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
const NO_VICTIMS =
  'no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
const cordoned = { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] };
const apart = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
    ],
  },
};

test('filters: each says why, in upstream words', () => {
  const big = pod({ cpu: '1500m' });
  const ports = pod({ containers: [{ name: 'c', resources: {}, ports: [{ containerPort: 80, hostPort: 80 }] }] });
  const near = pod({ affinity: { podAffinity: apart.podAntiAffinity } });
  const cases: [string, Pod, Node, Pod[], string][] = [
    ['fits', pod(), node('a'), [], 'a'],
    ['no cpu left', big, node('a'), [big], `0/1 nodes are available: 1 Insufficient cpu. ${NO_VICTIMS}`],
    ['never enough', pod({ cpu: '9' }), node('a'), [], `0/1 nodes are available: 1 Insufficient cpu. ${HELPLESS}`],
    [
      'cordoned',
      pod(),
      node('a', { spec: cordoned }),
      [],
      `0/1 nodes are available: 1 node(s) were unschedulable. ${HELPLESS}`,
    ],
    [
      'tainted',
      pod(),
      node('a', { spec: { taints: [{ key: 'k', effect: 'NoExecute' }] } }),
      [],
      `0/1 nodes are available: 1 node(s) had untolerated taint(s). ${HELPLESS}`,
    ],
    [
      'selector',
      pod({ nodeSelector: { disk: 'ssd' } }),
      node('a'),
      [],
      `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ${HELPLESS}`,
    ],
    [
      'host port',
      ports,
      node('a'),
      [ports],
      `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ${NO_VICTIMS}`,
    ],
    [
      'anti-affinity',
      pod({ affinity: apart }, { app: 'web' }),
      node('a'),
      [pod({}, { app: 'web' })],
      `0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. ${NO_VICTIMS}`,
    ],
    [
      'existing anti-affinity',
      pod({}, { app: 'web' }),
      node('a'),
      [pod({ affinity: apart })],
      `0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules. ${NO_VICTIMS}`,
    ],
    [
      'affinity unmet',
      near,
      node('a'),
      [],
      `0/1 nodes are available: 1 node(s) didn't match pod affinity rules. ${HELPLESS}`,
    ],
    ['affinity met', near, node('a'), [pod({}, { app: 'web' })], 'a'],
  ];
  for (const [what, wanted, one, existing, expected] of cases) {
    assert.equal(
      decide(
        wanted,
        [one],
        existing.map((other) => [{ ...other, metadata: { ...other.metadata, uid: `e${uids++}` } }, 'a'] as const),
      ),
      expected,
      what,
    );
  }
  assert.equal(decide(pod(), []), 'no nodes available to schedule pods');
});

test('scores: the emptier, the spread, the preferred node wins', () => {
  const two = [node('a'), node('b')];
  assert.equal(decide(pod(), two, [[pod({ cpu: '1', memory: '1Gi' }), 'a']]), 'b');
  const spread = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ],
  };
  assert.equal(decide(pod(spread, { app: 'web' }), two, [[pod({}, { app: 'web' }), 'b']]), 'a');
  const preferred = {
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] },
          },
        ],
      },
    },
  };
  assert.equal(decide(pod(preferred), two), 'b');
  const shy = [node('a', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } }), node('b')];
  assert.equal(decide(pod(), shy), 'b');
});

test('amounts: rounded up, init containers and sidecars as KEP-753 has it', () => {
  assert.deepEqual(
    ['100m', '0.1', '1', '1.5', '1u'].map((text) => amountOf('cpu', text)),
    [100, 100, 1000, 1500, 1],
  );
  assert.deepEqual(
    ['1Ki', '1k', '1.5Gi', '100m', '1e3'].map((text) => amountOf('memory', text)),
    [1024, 1000, 1610612736, 1, 1000],
  );
  const container = (cpu: string, restartPolicy?: string) => ({
    name: cpu,
    resources: { requests: { cpu } },
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  const mixed = pod({
    containers: [container('100m'), container('200m')],
    initContainers: [container('50m', 'Always'), container('500m')],
    overhead: { cpu: '10m' },
  });
  assert.equal(podRequests(mixed).requests.cpu, 560);
});

test('queue: an unschedulable pod sleeps through events that cannot help it', () => {
  const clock = manualClock(1_000_000);
  const queue = new SchedulingQueue(clock, plugins);
  const waiting = pod({ cpu: '1' });
  queue.set(waiting);
  assert.equal(queue.take()?.pod, waiting);
  queue.park(waiting.metadata.uid ?? '', new Set(['NodeResourcesFit']));
  queue.announce({ resource: 'Namespace', action: 'Add' });
  queue.set({ ...waiting, status: { phase: 'Pending' } });
  assert.equal(queue.sizes.unschedulable, 1);
  queue.announce({ resource: 'AssignedPod', action: 'Delete' });
  assert.equal(queue.sizes.backoff, 1);
  clock.advance(1000);
  assert.equal(queue.sizes.active, 1);
});

test('queue: gated pods wait for their gates; higher priority goes first', () => {
  const queue = new SchedulingQueue(manualClock(1), plugins);
  const gated = pod({ schedulingGates: [{ name: 'x' }] });
  queue.set(gated);
  assert.equal(queue.take(), undefined);
  queue.set({ ...gated, spec: { ...gated.spec, schedulingGates: [] } });
  queue.set(pod({ priority: 10 }));
  assert.equal(queue.take()?.pod.spec.priority, 10);
  assert.equal(queue.take()?.pod.metadata.uid, gated.metadata.uid);
});

test('nodes searched: all of a hundred, fewer of more', () => {
  assert.deepEqual([10, 100, 1000, 5000].map(feasibleNodesToFind), [10, 100, 420, 500]);
});
