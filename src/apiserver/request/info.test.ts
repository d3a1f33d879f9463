import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestInfo } from './info.ts';

type Row = readonly [
  request: string,
  verb: string,
  group: string,
  namespace: string,
  resource: string,
  name: string,
  subresource: string,
];

const RESOURCES: readonly Row[] = [
  ['GET /api/v1/namespaces', 'list', '', '', 'namespaces', '', ''],
  ['GET /api/v1/namespaces/n', 'get', '', 'n', 'namespaces', 'n', ''],
  ['PUT /api/v1/namespaces/n/finalize', 'update', '', 'n', 'namespaces', 'n', 'finalize'],
  ['GET /api/v1/namespaces/n/pods', 'list', '', 'n', 'pods', '', ''],
  ['GET /api/v1/namespaces/n/pods?watch', 'watch', '', 'n', 'pods', '', ''],
  ['GET /api/v1/namespaces/n/pods?watch=false', 'list', '', 'n', 'pods', '', ''],
  ['GET /api/v1/pods?fieldSelector=metadata.name%3Dp&watch=1', 'watch', '', '', 'pods', 'p', ''],
  ['POST /api/v1/namespaces/n/pods/p/exec', 'create', '', 'n', 'pods', 'p', 'exec'],
  ['DELETE /api/v1/namespaces/n/pods', 'deletecollection', '', 'n', 'pods', '', ''],
  ['PATCH /apis/apps/v1/namespaces/n/deployments/d/scale', 'patch', 'apps', 'n', 'deployments', 'd', 'scale'],
  ['GET /apis/apps/v1/watch/namespaces/n/deployments', 'watch', 'apps', 'n', 'deployments', '', ''],
  ['GET /api/v1/nodes/n/proxy/metrics', 'get', '', '', 'nodes', 'n', 'proxy'],
  ['GET /api/v1/proxy/nodes/n/metrics', 'proxy', '', '', 'nodes', 'n', ''],
];

test('request info: paths of resources say who asks for what', () => {
  for (const [request, verb, group, namespace, resource, name, subresource] of RESOURCES) {
    const info = infoOf(request);
    const found = { ...pick(info), isResource: info.isResource };
    assert.deepEqual(found, { verb, group, namespace, resource, name, subresource, isResource: true }, request);
  }
});

test('request info: other paths have the method as verb', () => {
  for (const path of [
    '/',
    '/healthz',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/openapi/v3/api/v1',
  ]) {
    const info = infoOf(`GET ${path}`);
    assert.equal(info.isResource, false, path);
    assert.equal(info.verb, 'get');
  }
});

test('request info: a legacy watch without a resource is refused', () => {
  assert.throws(() => infoOf('GET /api/v1/watch'), { code: 400 });
});

function infoOf(request: string) {
  const [method = '', target = ''] = request.split(' ');
  const [path = '', query = ''] = target.split('?');
  return requestInfo(method, path, new URLSearchParams(query));
}

function pick({ verb, group, namespace, resource, name, subresource }: ReturnType<typeof infoOf>) {
  return { verb, group, namespace, resource, name, subresource };
}
