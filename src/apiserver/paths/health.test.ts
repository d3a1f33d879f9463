import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../request/exchange.ts';
import { type HealthCheck, healthPaths } from './health.ts';

const CHECKS: readonly HealthCheck[] = [
  { name: 'ping', check: () => undefined },
  { name: 'etcd', in: ['livez'], check: async () => 'connection refused' },
  { name: 'informer-sync', in: ['readyz'], check: () => undefined },
];

async function ask(path: string, query = ''): Promise<readonly [status: number | undefined, text: string]> {
  const [, root] = path.split('/');
  const handler = healthPaths(CHECKS).find((one) => one.path === `/${root}`);
  // all that the handler looks at
  const exchange = { info: { path }, request: { query: new URLSearchParams(query) } } as unknown as Exchange;
  const answer = await handler?.handle(exchange);
  return [answer?.status, Buffer.concat((answer?.body ?? []) as Uint8Array[]).toString()];
}

test('health: all is well', async () => {
  assert.deepEqual(await ask('/readyz'), [200, 'ok']);
  assert.deepEqual(await ask('/readyz', 'verbose'), [200, '[+]ping ok\n[+]informer-sync ok\nreadyz check passed\n']);
});

test('health: a failure is told without its reason, but with it on its own path', async () => {
  assert.deepEqual(await ask('/livez'), [500, '[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n']);
  assert.deepEqual(await ask('/livez/etcd'), [500, 'internal server error: connection refused\n']);
  assert.deepEqual(await ask('/livez/ping'), [200, 'ok']);
  assert.deepEqual(await ask('/livez/nope'), [undefined, '']);
});

test('health: checks can be left out, and who leaves out what is not there is told', async () => {
  assert.deepEqual(await ask('/livez', 'exclude=etcd'), [200, 'ok']);
  assert.deepEqual(await ask('/livez', 'verbose&exclude=etcd&exclude=nope'), [
    200,
    '[+]ping ok\n[+]etcd excluded: ok\nwarn: some health checks cannot be excluded: no matches for "nope"\nlivez check passed\n',
  ]);
});
