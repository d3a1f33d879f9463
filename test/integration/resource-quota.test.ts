import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { isStatus } from '#machinery/status.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { resourceQuota } from '#resources/core/resource-quota/resource-quota.ts';
import { type TestApiServer, startApiServer } from '../support/api-server.ts';
import { startTestControllers } from '../support/controllers.ts';

const ROOM = 5;
let api: TestApiServer;
let controllers: AsyncDisposable;
let client: Client;

before(async () => {
  api = await startApiServer();
  controllers = startTestControllers(api, ['resourcequota-controller']);
  client = createClient(api.server.inProcess({ name: 'admin', groups: ['system:masters'] }), { userAgent: 'test' });
});

after(async () => {
  await controllers[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

test('writes that come at once never go over a quota, and what goes gives room back', async () => {
  const metadata = { namespace: 'default', name: 'q' };
  await client.create(resourceQuota, { metadata, spec: { hard: { configmaps: String(ROOM) } } });
  await used('0');
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      client.create(configMap, { metadata: { namespace: 'default', name: `c${index}` } }),
    ),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(results.length - refused.length, ROOM);
  assert.ok(refused.every(({ reason }) => isStatus(reason, 'Forbidden')));
  await used(String(ROOM));
  const { items } = await client.list(configMap, { namespace: 'default' });
  await client.delete(configMap, items[0]?.metadata.name ?? '', 'default');
  await used(String(ROOM - 1));
});

/** Waits for the controller. */
async function used(wanted: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { status } = await client.get(resourceQuota, 'q', 'default');
    if (status?.used?.['configmaps'] === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`the quota never showed ${wanted} config maps`);
}
