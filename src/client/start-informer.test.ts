import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { TransportRequest, TransportResponse } from './client.ts';
import { createClient } from './create-client.ts';
import { directTransport } from './in-process.ts';
import { encodeJson } from './json.ts';
import { startInformer } from './start-informer.ts';

const pod: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

function object(name: string, resourceVersion: string, uid = name) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', resourceVersion, uid, managedFields: [{ manager: 'x' }] },
    spec: { containers: [] },
    status: {},
  };
}

function answer(status: number, ...lines: unknown[]): TransportResponse {
  return {
    status,
    headers: {},
    body: (async function* () {
      for (const line of lines) yield Buffer.concat([encodeJson(line), Buffer.from('\n')]);
    })(),
  };
}

function list(resourceVersion: string, ...items: unknown[]) {
  return { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion }, items };
}

function start(script: ((request: TransportRequest) => TransportResponse)[], signal: AbortSignal) {
  const requests: string[] = [];
  const transport = directTransport(
    async (request) => {
      requests.push(request.path);
      const next = script.shift();
      if (next) return next(request);
      return new Promise<TransportResponse>((_, reject) => {
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason));
      });
    },
    { name: 'test', groups: [] },
  );
  const informer = startInformer(createClient(transport), pod, {
    signal,
    clock: systemClock,
    log: createLogger('test', 'silent'),
  });
  return { informer, requests };
}

test('informer: lists, follows the watch, and resumes after the last event', async () => {
  const controller = new AbortController();
  const { informer, requests } = start(
    [
      () => answer(200, list('10', object('a', '5'))),
      () =>
        answer(
          200,
          { type: 'ADDED', object: object('b', '11') },
          { type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } },
          { type: 'DELETED', object: object('a', '21') },
        ),
    ],
    controller.signal,
  );
  const seen: string[] = [];
  const last = Promise.withResolvers<void>();
  informer.subscribe((change) => {
    seen.push(`${change.type} ${change.object.metadata.name}`);
    if (change.type === 'deleted') last.resolve();
  });
  await informer.synced;
  await last.promise;
  assert.deepEqual(seen, ['added a', 'added b', 'deleted a']);
  assert.equal(informer.get('b', 'default')?.metadata.managedFields, undefined);
  assert.ok(Object.isFrozen(informer.get('b', 'default')?.spec));
  const limit = systemClock.now() + 10_000;
  while (!/resourceVersion=21/.test(requests.at(-1) ?? '')) {
    assert.ok(systemClock.now() < limit, `after 10 s: ${requests.at(-1)}`);
    await systemClock.sleep(5);
  }
  controller.abort();
});

test('informer: after 410 it lists again and tells only the difference; a replaced object is deleted and added', async () => {
  const controller = new AbortController();
  const { informer } = start(
    [
      () => answer(200, list('10', object('a', '5'), object('b', '6'), object('c', '7'))),
      () =>
        answer(200, {
          type: 'ERROR',
          object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Expired', code: 410 },
        }),
      () => answer(200, list('30', object('a', '5'), object('b', '25', 'other'))),
    ],
    controller.signal,
  );
  const seen: string[] = [];
  const last = Promise.withResolvers<void>();
  informer.subscribe((change) => {
    seen.push(`${change.type} ${change.object.metadata.name}`);
    if (change.type === 'deleted' && change.object.metadata.name === 'c') last.resolve();
  });
  await last.promise;
  assert.deepEqual(seen, ['added a', 'added b', 'added c', 'deleted b', 'added b', 'deleted c']);
  controller.abort();
});

test('informer: an index follows the objects', async () => {
  const controller = new AbortController();
  const { informer } = start([() => answer(200, list('10', object('a', '5')))], controller.signal);
  await informer.synced;
  const index = informer.index('uid', (found) => [found.metadata.uid ?? '']);
  assert.equal(index.get('a').length, 1);
  assert.equal(index.get('b').length, 0);
  controller.abort();
});
