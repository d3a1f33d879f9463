import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '#machinery/object.ts';
import type { Pod, PodSpec, ResourceQuota } from '#machinery/types/core-v1.ts';
import { amountsOf, difference, shownAmounts } from '#machinery/amounts.ts';
import { concerns, evaluatorOf, resourceCharged } from './evaluators.ts';

const NOW = Date.UTC(2026, 0, 1);
const pods = evaluatorOf({ group: '', resource: 'pods' });

function pod(spec: Partial<PodSpec>, status: Pod['status'] = {}, metadata: Pod['metadata'] = {}): Pod {
  const containers = [{ name: 'c', resources: { requests: { cpu: '1' } } }];
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...spec }, status } as unknown as Pod;
}

function quota(spec: ResourceQuota['spec']): ResourceQuota {
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec, status: {} };
}

describe('usage of pods', () => {
  const cpu = (one: Pod) => shownAmounts(pods.usage(one, NOW))['requests.cpu'];

  test('counts the containers that run together, or the most that starting takes, and the overhead', () => {
    const initContainers = [
      { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'i', resources: { requests: { cpu: '4' } } },
    ];
    assert.equal(cpu(pod({ initContainers, overhead: { cpu: '500m' } })), '5500m');
  });

  test('a pod that is being resized counts with what it still has', () => {
    assert.equal(cpu(pod({}, { containerStatuses: [{ name: 'c', allocatedResources: { cpu: '3' } } as never] })), '3');
  });

  test('a finished pod is an object and nothing more', () => {
    assert.deepEqual(shownAmounts(pods.usage(pod({}, { phase: 'Succeeded' }), NOW)), { 'count/pods': '1' });
  });

  test('a pod whose grace is over gives back what it had', () => {
    const metadata = { deletionTimestamp: '2025-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 };
    assert.equal(cpu(pod({}, {}, metadata)), undefined);
  });

  test('names the containers that do not say what they want', () => {
    const silent = pod({ containers: [{ name: 'b' }, { name: 'a' }] as never });
    assert.equal(
      pods.missing?.(silent, ['pods', 'limits.cpu', 'cpu']),
      'must specify cpu for: a,b; limits.cpu for: a,b',
    );
    assert.equal(pods.missing?.(pod({}), ['pods', 'requests.cpu', 'requests.storage']), undefined);
  });
});

test('names in quotas lead to the resource that they limit', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['count/deployments.apps', 'deployments.apps'],
    ['count/pods', 'pods'],
    ['limits.memory', 'pods'],
    ['requests.example.com/gpu', 'pods'],
    ['services.nodeports', 'services'],
    ['requests.storage', 'persistentvolumeclaims'],
    ['gold.storageclass.storage.k8s.io/requests.storage', 'persistentvolumeclaims'],
    ['gpu.deviceclass.resource.k8s.io/devices', 'resourceclaims.resource.k8s.io'],
    ['secrets', 'secrets'],
    ['nonsense', undefined],
  ];
  for (const [name, wanted] of table) {
    const found = resourceCharged(name);
    const shown = found && (found.group ? `${found.resource}.${found.group}` : found.resource);
    assert.equal(shown, wanted, name);
  }
});

test('all scopes must match, and what has no scopes is no concern of a quota that has', () => {
  const urgent = { scopeName: 'PriorityClass', operator: 'In', values: ['urgent'] };
  const scoped = quota({ scopes: ['NotBestEffort'], scopeSelector: { matchExpressions: [urgent] } });
  assert.equal(concerns(scoped, pods, pod({ priorityClassName: 'urgent' })), true);
  assert.equal(concerns(scoped, pods, pod({})), false);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: {} } as KubeObject;
  assert.equal(concerns(scoped, evaluatorOf({ group: '', resource: 'secrets' }), secret), false);
});

test('a difference leaves out what did not change', () => {
  const [now, before] = [amountsOf({ cpu: '2', pods: '1' }), amountsOf({ cpu: '500m', pods: '1' })];
  assert.deepEqual(shownAmounts(difference(now, before)), { cpu: '1500m' });
});
