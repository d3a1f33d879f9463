import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { systemRandomness } from '#base/random.ts';
import { createClient } from '#client/create-client.ts';
import { kubeconfigTransport, readKubeconfig } from '#client/kubeconfig.ts';
import { StatusError } from '#machinery/status.ts';
import type { ConfigMapList, Service } from '#machinery/types/core-v1.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { http, TestCluster, waitFor } from '../support/cluster.ts';

const KILLS = ['server', 'agent', 'server', 'supervisor', 'server'] as const;
const MAX_PAUSE_MS = 1_500;

test('kill -9 at random moments: nothing acknowledged is lost, the application goes on answering', async () => {
  await using cluster = await TestCluster.start(['nginx']);
  cluster.kubectl(['create', 'deployment', 'web', '--image=nginx:1', '--port=80']);
  cluster.kubectl(['expose', 'deployment', 'web', '--port=80']);
  cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  const url = `http://${cluster.json<Service>(['get', 'service', 'web']).spec.clusterIP}/`;
  await waitFor('the application', async () => (await http(url)).status === 200);

  const stop = new AbortController();
  const writer = writeUntil(stop.signal, cluster);
  const reader = readUntil(stop.signal, url);
  try {
    for (const part of KILLS) {
      await systemClock.sleep(systemRandomness.fraction() * MAX_PAUSE_MS);
      process.kill(cluster.pid(part), 'SIGKILL');
      if (part === 'supervisor') cluster.up();
      await waitFor('the API', () => cluster.tryKubectl(['get', '--raw', '/readyz'], { timeoutMs: 5_000 }).code === 0);
    }
  } finally {
    stop.abort();
  }
  const acknowledged = await writer;
  assert.deepEqual(await reader, [], 'requests to the application that failed');
  assert.ok(acknowledged.size > 50, `${acknowledged.size} writes`);

  const { items } = cluster.json<ConfigMapList>(['get', 'configmaps', '-l', 'crash=test']);
  const found = new Map((items ?? []).map((item) => [item.metadata.name ?? '', item.metadata.resourceVersion]));
  for (const [name, revision] of acknowledged) assert.equal(found.get(name), revision, name);
  await waitFor('the node and DNS', () => cluster.up().code === 0);
});

/** Creates objects one after another; returns the acknowledged ones with their revisions, which must increase. */
async function writeUntil(signal: AbortSignal, cluster: TestCluster): Promise<ReadonlyMap<string, string>> {
  const config = await readKubeconfig(cluster.kubeconfig);
  assert.ok(config);
  using transport = await kubeconfigTransport(config, cluster.kubeconfig);
  const client = createClient(transport);
  const acknowledged = new Map<string, string>();
  let last = 0;
  for (let index = 0; !signal.aborted; index++) {
    const metadata = { name: `crash-${index}`, namespace: 'default', labels: { crash: 'test' } };
    try {
      const made = await client.create(configMap, { metadata, data: { index: String(index) } });
      const revision = Number(made.metadata.resourceVersion);
      assert.ok(revision > last, `revision ${revision} after ${last}`);
      last = revision;
      acknowledged.set(metadata.name, String(revision));
    } catch (error) {
      if (error instanceof StatusError && error.code < 500) throw error;
      await systemClock.sleep(20); // the server is away: this write's fate is unknown
    }
  }
  return acknowledged;
}

async function readUntil(signal: AbortSignal, url: string): Promise<readonly string[]> {
  const failures: string[] = [];
  while (!signal.aborted) {
    await http(url).then(
      ({ status }) => status === 200 || failures.push(String(status)),
      (error: Error) => failures.push(error.message),
    );
    await systemClock.sleep(20);
  }
  return failures;
}
