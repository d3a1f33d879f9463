import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { isStatus } from '#machinery/status.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import { podDisruptionBudget } from '#resources/policy/pod-disruption-budget/pod-disruption-budget.ts';
import { startApiServer } from '../support/api-server.ts';

const namespace = 'default';
const labels = { app: 'web' };

async function runningPod(client: Client, name: string): Promise<void> {
  const spec = { nodeName: 'n1', automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i:1' }] };
  await client.create(pod, { metadata: { name, namespace, labels }, spec });
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  await client.patch(pod, { name, namespace, type: 'merge', body: { status } }, { subresource: 'status' });
}

async function budgetFor(client: Client, disruptionsAllowed: number): Promise<void> {
  const metadata = { name: 'b', namespace };
  await client.create(podDisruptionBudget, { metadata, spec: { minAvailable: 1, selector: { matchLabels: labels } } });
  const status = { disruptionsAllowed, currentHealthy: 5, desiredHealthy: 3, expectedPods: 5, observedGeneration: 1 };
  await client.patch(
    podDisruptionBudget,
    { name: 'b', namespace, type: 'merge', body: { status } },
    { subresource: 'status' },
  );
}

function evict(client: Client, name: string, deleteOptions: object = {}): Promise<unknown> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions };
  return client.post(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body);
}

test('eviction: of many at once only as many succeed as the budget allows', async () => {
  await using api = await startApiServer();
  const client = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  await client.create(serviceAccount, { metadata: { name: 'default', namespace } });
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await runningPod(client, name);
  await budgetFor(client, 2);
  await assert.rejects(evict(client, 'a', { preconditions: { uid: 'other' } }), (error) => isStatus(error, 'Conflict'));
  await assert.rejects(evict(client, 'a', { propagationPolicy: 'No' }), (error) => isStatus(error, 'Invalid'));
  const settled = await Promise.allSettled(names.map((name) => evict(client, name)));
  const refused = settled.filter((each) => each.status === 'rejected');
  assert.equal(refused.length, 3);
  for (const { reason } of refused) assert.ok(isStatus(reason, 'TooManyRequests'), String(reason));
  const { status } = await client.get(podDisruptionBudget, 'b', namespace);
  assert.equal(status?.disruptionsAllowed, 0);
  assert.equal(Object.keys(status?.disruptedPods ?? {}).length, 2);
  assert.deepEqual(
    status?.conditions?.map((condition) => [condition.type, condition.status, condition.reason]),
    [['DisruptionAllowed', 'False', 'InsufficientPods']],
  );
  const { items } = await client.list(pod, { namespace });
  const leaving = items.filter(({ metadata }) => metadata.deletionTimestamp);
  assert.equal(leaving.length, 2);
  for (const { status: each } of leaving) {
    assert.ok(
      each?.conditions?.some(({ type, message }) => type === 'DisruptionTarget' && message?.includes('evicting')),
    );
  }
});
