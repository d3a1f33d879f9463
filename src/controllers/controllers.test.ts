import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, Taint } from '#machinery/types/core-v1.ts';
import type { OwnerReference } from '#machinery/types/meta-v1.ts';
import { OwnerGraph } from './garbage-collector/graph.ts';
import { blockingDependents, judge, type OwnerState } from './garbage-collector/verdict.ts';
import { evictionTime } from './node-lifecycle/eviction.ts';
import { plannedTaints, sight, silentConditions } from './node-lifecycle/health.ts';
import { planCollection } from './pod-garbage-collector.ts';
import { selectControllers } from './select-controllers.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

test('--controllers: all by default, single ones off and on, unknown ones refused', () => {
  assert.ok(selectControllers(['*']).has('job-controller'));
  assert.ok(!selectControllers(['*']).has('token-cleaner-controller'));
  assert.ok(selectControllers(['*', 'token-cleaner-controller']).has('token-cleaner-controller'));
  assert.ok(!selectControllers(['*', '-job-controller']).has('job-controller'));
  assert.deepEqual([...selectControllers(['job-controller'])], ['job-controller']);
  assert.throws(() => selectControllers(['jobs']), /"jobs" is not in the list of known controllers/);
});

function owner(uid: string, block = false): OwnerReference {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid, ...(block ? { blockOwnerDeletion: true } : {}) };
}

function child(uid: string, ...ownerReferences: OwnerReference[]) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { uid, name: uid, namespace: 'default', ownerReferences } };
}

test('garbage: an object lives as long as one of its owners', () => {
  const graph = new OwnerGraph();
  const dependent = graph.set(pods, child('grandchild', owner('a')));
  const cases: [string, Record<string, OwnerState>, boolean, unknown][] = [
    ['no owners', {}, false, { type: 'keep' }],
    ['alive', { a: 'present' }, false, { type: 'keep' }],
    ['one of two', { a: 'absent', b: 'present' }, false, { type: 'unlink', uids: ['a'] }],
    ['none left', { a: 'absent', b: 'absent' }, false, { type: 'delete', policy: 'asItSays' }],
    ['waited for, without dependents', { a: 'waitsForDependents' }, false, { type: 'delete', policy: 'asItSays' }],
    ['waited for, with dependents', { a: 'waitsForDependents' }, true, { type: 'delete', policy: 'Foreground' }],
  ];
  for (const [what, states, hasDependents, expected] of cases) {
    const owners = Object.keys(states).map((uid) => owner(uid));
    assert.deepEqual(
      judge(owners, ({ uid }) => states[uid] ?? 'present', hasDependents ? [dependent] : []),
      expected,
      what,
    );
  }
});

test('garbage: dependents are found before their owner is known, and only some of them block it', () => {
  const graph = new OwnerGraph();
  graph.set(pods, child('x', owner('a', true)));
  graph.set(pods, child('y', owner('a')));
  const node = graph.set(pods, {
    ...child('a'),
    metadata: { uid: 'a', name: 'a', deletionTimestamp: 'now', finalizers: ['foregroundDeletion'] },
  });
  assert.ok(node.deletesDependents);
  assert.deepEqual(
    graph
      .dependents('a')
      .map(({ uid }) => uid)
      .toSorted(),
    ['x', 'y'],
  );
  assert.deepEqual(
    blockingDependents(node, graph.dependents('a')).map(({ uid }) => uid),
    ['x'],
  );
  graph.set(pods, child('x'));
  assert.deepEqual(
    graph.dependents('a').map(({ uid }) => uid),
    ['y'],
  );
});

function node(ready: string | undefined, taints: readonly Taint[] = []): Node {
  const time = '2026-01-01T00:00:00Z';
  const conditions = ready ? [{ type: 'Ready', status: ready, lastHeartbeatTime: time, lastTransitionTime: time }] : [];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', creationTimestamp: time },
    spec: { taints },
    status: { conditions } as unknown as Node['status'],
  };
}

test('nodes: silence becomes Unknown after the grace period, not before', () => {
  const first = sight(undefined, node('True'), 'r1', NOW);
  assert.equal(sight(first, node('True'), 'r1', NOW + 1000), first);
  assert.equal(sight(first, node('True'), 'r2', NOW + 1000).at, NOW + 1000);
  assert.equal(silentConditions(node('True'), first, NOW + 50_000), undefined);
  const unknown = silentConditions(node('True'), first, NOW + 50_001);
  assert.deepEqual(
    unknown?.map(({ type, status, reason }) => `${type} ${status} ${reason}`),
    [
      'Ready Unknown NodeStatusUnknown',
      'MemoryPressure Unknown NodeStatusNeverUpdated',
      'DiskPressure Unknown NodeStatusNeverUpdated',
      'PIDPressure Unknown NodeStatusNeverUpdated',
    ],
  );
});

test('nodes: taints follow conditions and leave others alone', () => {
  const other: Taint = { key: 'dedicated', effect: 'NoSchedule' };
  const show = (object: Node) => plannedTaints(object, NOW)?.map(({ key, effect }) => `${key}:${effect}`);
  assert.deepEqual(show(node('False', [other])), [
    'dedicated:NoSchedule',
    'node.kubernetes.io/not-ready:NoSchedule',
    'node.kubernetes.io/not-ready:NoExecute',
  ]);
  assert.deepEqual(show(node('True', [other, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }])), [
    'dedicated:NoSchedule',
  ]);
  assert.equal(show(node('True', [other])), undefined);
});

test('eviction: at once, after a while, never', () => {
  const taint: Taint = {
    key: 'node.kubernetes.io/unreachable',
    effect: 'NoExecute',
    timeAdded: '2026-01-01T00:09:00Z',
  };
  const pod = (tolerations: Pod['spec']['tolerations']) =>
    ({ spec: { containers: [], ...(tolerations ? { tolerations } : {}) } }) as unknown as Pod;
  assert.equal(evictionTime(pod(undefined), [taint], NOW), NOW);
  assert.equal(evictionTime(pod([{ operator: 'Exists' }]), [taint], NOW), 'never');
  assert.equal(
    evictionTime(pod([{ key: taint.key, operator: 'Exists', tolerationSeconds: 300 }]), [taint], NOW),
    NOW + 240_000,
  );
  assert.equal(evictionTime(pod(undefined), [], NOW), 'never');
});

test('pod garbage: pods of nodes that are gone, and those that were deleted before they had a node', () => {
  const pod = (name: string, nodeName: string | undefined, deletionTimestamp?: string) =>
    ({
      metadata: { name, uid: name, deletionTimestamp },
      spec: { nodeName, containers: [] },
      status: { phase: 'Running' },
    }) as unknown as Pod;
  const all = [pod('a', 'gone'), pod('b', 'here'), pod('c', undefined, 'now'), pod('d', undefined)];
  const collected = planCollection(all, new Set(['gone']), () => undefined);
  assert.deepEqual(
    collected.map((one) => one.pod.metadata.name),
    ['a', 'c'],
  );
});
