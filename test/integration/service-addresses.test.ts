import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock } from '#base/manual-clock.ts';
import { createClient } from '#client/create-client.ts';
import type { Client } from '#client/client.ts';
import type { Sparse } from '#machinery/object.ts';
import { isStatus } from '#machinery/status.ts';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import { service } from '#resources/core/service/service.ts';
import { ipAddress } from '#resources/networking/ip-address/ip-address.ts';
import { startApiServer } from '../support/api-server.ts';

const AT_ONCE = 150;
/** The server looks after the addresses at least that often. */
const REPAIR_MS = 180_000;
const namespace = 'default';

function make(client: Client, name: string, spec: Sparse<ServiceSpec> = {}): Promise<Service> {
  const ports = [{ port: 80 }];
  return client.create(service, { metadata: { name, namespace }, spec: { ports, ...spec } });
}

async function addresses(client: Client): Promise<readonly string[]> {
  return (await client.list(ipAddress)).items.map(({ metadata }) => metadata.name ?? '').sort();
}

test('service addresses: services made at once share neither address nor port, and give them back', async () => {
  await using api = await startApiServer();
  const client = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  const before = await addresses(client);
  assert.deepEqual(before, ['10.43.0.1']); // that of the kubernetes Service
  const made = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, at) => make(client, `s${at}`, { type: 'NodePort' })),
  );
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, AT_ONCE);
  assert.equal(new Set(made.map(({ spec }) => spec.ports?.[0]?.nodePort)).size, AT_ONCE);
  assert.equal((await addresses(client)).length, AT_ONCE + 1);
  await Promise.all(made.map(({ metadata }) => client.delete(service, metadata.name ?? '', namespace)));
  assert.deepEqual(await addresses(client), before);
});

test('service addresses: of many that want one address or port one gets it, and the others leave nothing', async () => {
  await using api = await startApiServer();
  const client = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  const settled = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => {
      const own = at % 2 ? { clusterIP: '10.43.7.7' } : {};
      return make(client, `s${at}`, { type: 'NodePort', ports: [{ port: 80, nodePort: 31_000 }], ...own });
    }),
  );
  const failed = settled.filter((each) => each.status === 'rejected');
  assert.equal(failed.length, 19);
  for (const { reason } of failed) assert.ok(isStatus(reason, 'Invalid'), String(reason));
  assert.equal((await addresses(client)).length, 2);
});

test('service addresses: a name that exists takes no second address', async () => {
  await using api = await startApiServer();
  const client = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  await make(client, 'web');
  await assert.rejects(make(client, 'web'), (error) => isStatus(error, 'AlreadyExists'));
  assert.equal((await addresses(client)).length, 2);
});

test('service addresses: an address whose object is gone gets it back', async () => {
  const ioClock = manualClock();
  await using api = await startApiServer({ ioClock });
  const client = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  const { spec } = await make(client, 'web');
  const address = spec.clusterIP ?? '';
  await client.delete(ipAddress, address);
  await sleep(50); // the first repair is over
  ioClock.advance(REPAIR_MS);
  for (let tries = 0; tries < 200 && (await addresses(client)).length < 2; tries++) await sleep(10);
  const { spec: again, metadata } = await client.get(ipAddress, address);
  assert.deepEqual(again.parentRef, { resource: 'services', namespace, name: 'web' });
  assert.equal(metadata.labels?.['ipaddress.kubernetes.io/managed-by'], 'ipallocator.k8s.io');
});
