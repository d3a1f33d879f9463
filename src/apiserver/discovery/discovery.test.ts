import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { StatusError } from '#machinery/status.ts';
import { manifest } from '#resources/manifest.ts';
import { createDiscovery } from './discovery.ts';

interface Step {
  readonly request: Readonly<Record<string, string>>;
  readonly response: { readonly code: number; readonly contentType?: string; readonly body?: unknown };
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const discovery = createDiscovery(manifest, { serverAddress: '<address>' });

for (const topic of ['discovery', 'discovery-groups']) {
  const text = readFileSync(new URL(`../../../test/golden/core-network/${topic}.json`, import.meta.url), 'utf8');
  for (const { name, steps } of JSON.parse(text) as readonly { name: string; steps: readonly Step[] }[]) {
    test(`${name}, as the real server does it`, () => {
      for (const { request, response } of steps) {
        const method = ['get', 'post', 'put', 'patch', 'delete'].find((verb) => verb in request) ?? 'get';
        const path = request[method] ?? '';
        const accept =
          request['accept'] === 'discovery'
            ? AGGREGATED
            : request['accept'] === 'table'
              ? 'application/json;as=Table;v=v1;g=meta.k8s.io'
              : request['accept'];
        if (response.contentType?.startsWith('application/')) {
          const answer = discovery.handle(path, accept, undefined, method.toUpperCase());
          assert.equal(answer?.headers['content-type'], response.contentType);
          continue;
        }
        if (response.code >= 400) assertRefused(path, accept, method, response.code);
        else {
          const answer = discovery.handle(path, accept, undefined, method.toUpperCase());
          assert.deepEqual(JSON.parse(Buffer.from(answer?.body ?? '{}').toString()), response.body, path);
        }
      }
    });
  }
}

function assertRefused(path: string, accept: string | undefined, method: string, code: number): void {
  try {
    assert.equal(discovery.handle(path, accept, undefined, method.toUpperCase()), undefined, path);
    assert.equal(code, 404, path);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    assert.equal(error.code, code, path);
  }
}

test('discovery: the aggregated form has an ETag, and what a client has already is not sent again', () => {
  const first = discovery.handle('/apis', AGGREGATED, undefined);
  const etag = first?.headers['etag'];
  assert.ok(etag);
  assert.equal(first?.headers['content-type'], AGGREGATED);
  assert.equal(discovery.handle('/apis', AGGREGATED, etag)?.status, 304);
  assert.equal(discovery.handle('/apis', AGGREGATED, '"other"')?.status, 200);
});

test('discovery: a version that was turned on is listed after the stable one', () => {
  const all = createDiscovery(manifest, { serverAddress: '', isServed: () => true });
  const group = all.groups.find(({ name }) => name === 'networking.k8s.io');
  assert.deepEqual(group?.versions.map(({ version }) => version)[0], 'v1');
  assert.ok(all.groups.some(({ name }) => name === 'internal.apiserver.k8s.io'));
});
