import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { KubeObject } from '#machinery/object.ts';
import { bootstrapObjects } from './bootstrap.ts';
import { firstServiceAddress } from './kubernetes-service.ts';
import { planRbac } from './merge-rbac.ts';

const options = {
  serviceCidrs: ['10.43.0.0/16'],
  port: 6443,
  advertiseAddresses: ['192.0.2.7'],
  clusterCa: 'CA',
  frontProxyCa: 'FRONT',
  server: 'https://192.0.2.7:6443',
};

interface Recorded {
  readonly steps: readonly {
    readonly request: { readonly get?: string; readonly accept?: string };
    readonly response?: { readonly body: KubeObject };
  }[];
}

/** The objects of the real server by kind and name, as far as the recorded requests asked for them. */
function recordedObjects(): Map<string, KubeObject> {
  const file = new URL('../../../test/golden/core-network/bootstrap.json', import.meta.url);
  const scenarios: readonly Recorded[] = JSON.parse(readFileSync(file, 'utf8'));
  const objects = new Map<string, KubeObject>();
  for (const { request, response } of scenarios.flatMap((scenario) => scenario.steps)) {
    if (request.get && !request.accept && response?.body.metadata.name)
      objects.set(keyOf(response.body), response.body);
  }
  return objects;
}

function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/** What both sides have: content, labels and annotations, without what the server or a controller fills in. */
function comparable(object: KubeObject): unknown {
  const { status: _status, description: _description, ...rest } = { ...object } as Record<string, unknown>;
  const { labels, annotations, name, namespace } = object.metadata;
  return JSON.parse(JSON.stringify({ ...rest, metadata: { labels, annotations, name, namespace } }));
}

const DERIVED = new Set(['Namespace', 'IPAddress', 'PriorityClass']); // the registry fills these in

test('bootstrap: every default object is as the real server has it, and none is missing', () => {
  const recorded = recordedObjects();
  const ours = new Map<string, KubeObject>();
  for (const { objects } of bootstrapObjects(options).flat()) {
    for (const object of objects) ours.set(keyOf(object as KubeObject), object as KubeObject);
  }
  const names = ['Service', 'Endpoints', 'EndpointSlice', 'ConfigMap'];
  assert.deepEqual(
    [...ours.keys()].filter((key) => !names.includes(key.split(' ')[0] ?? '')).sort(),
    [...recorded.keys()].filter((key) => !key.startsWith('IPAddress')).sort(),
  );
  for (const [key, object] of recorded) {
    const own = ours.get(key);
    if (own && !DERIVED.has(object.kind)) assert.deepEqual(comparable(own), comparable(object), key);
  }
});

test('bootstrap: the first address of a service range', () => {
  assert.equal(firstServiceAddress('10.43.0.0/16'), '10.43.0.1');
  assert.equal(firstServiceAddress('10.43.7.128/25'), '10.43.7.129');
  assert.equal(firstServiceAddress('fd00:43::/108'), 'fd00:43::1');
});

const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };
const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };

function roleWith(rules: readonly object[], metadata: object = {}): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'r', ...metadata },
    rules,
  } as KubeObject;
}

test('bootstrap: missing rules are put back, added ones stay, autoupdate=false is left alone', () => {
  const wanted = roleWith([pods]);
  assert.deepEqual(planRbac(roleWith([secrets, pods]), wanted), { action: 'keep' });
  assert.deepEqual(planRbac(roleWith([secrets, { ...pods, verbs: ['get'] }]), wanted), {
    action: 'update',
    object: roleWith([secrets, { ...pods, verbs: ['get'] }, { ...pods, verbs: ['list'] }]),
  });
  const off = { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } };
  assert.deepEqual(planRbac(roleWith([], off), wanted), { action: 'keep' });
});

test('bootstrap: a binding gets its subjects back, and is made anew where it refers to another role', () => {
  const binding = (role: string, ...subjects: string[]) =>
    ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'b' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: subjects.map((name) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' })),
    }) as KubeObject;
  assert.deepEqual(planRbac(binding('r', 'mine'), binding('r', 'default')), {
    action: 'update',
    object: binding('r', 'mine', 'default'),
  });
  assert.deepEqual(planRbac(binding('other', 'default'), binding('r', 'default')), { action: 'recreate' });
});
