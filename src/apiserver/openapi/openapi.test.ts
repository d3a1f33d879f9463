import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { StatusError } from '#machinery/status.ts';
import { manifest } from '#resources/manifest.ts';
import { createDiscovery } from '../discovery/discovery.ts';
import { createOpenApi } from './openapi.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly definitions: Readonly<Record<string, Schema>>;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly 'x-kubernetes-action': string;
  readonly 'x-kubernetes-group-version-kind': Readonly<Record<string, string>>;
}
interface Schema {
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const discovery = createDiscovery(manifest, { serverAddress: '' });
const openApi = createOpenApi({ release: 'v1.36.2', groups: () => discovery.groups });

function get(path: string, accept?: string): Document {
  return JSON.parse(Buffer.from(openApi.handle(path, accept, undefined)?.body ?? '{}').toString());
}

function urls(): Readonly<Record<string, { readonly serverRelativeURL: string }>> {
  return get('/openapi/v3').paths as never;
}

test('openapi: the index names every served version with the hash of its document', () => {
  const paths = urls();
  assert.equal(Object.keys(paths)[0], 'api/v1');
  const url = new URL(paths['apis/apps/v1']?.serverRelativeURL ?? '', 'http://server');
  const hash = url.searchParams.get('hash') ?? '';
  const answer = openApi.handle(url.pathname, 'application/json', undefined, { hash });
  assert.equal(answer?.headers['etag'], `"${hash}"`);
  assert.match(answer?.headers['cache-control'] ?? '', /immutable/);
  assert.equal(openApi.handle(url.pathname, undefined, `"${hash}"`)?.status, 304);
  const old = openApi.handle(url.pathname, undefined, undefined, { hash: 'OLD' });
  assert.equal(old?.status, 301);
  assert.equal(old?.headers['location'], `${url.pathname}?hash=${hash}`);
});

test('openapi: every reference of a document leads somewhere in it', () => {
  for (const path of ['/openapi/v2', ...Object.keys(urls()).map((name) => `/openapi/v3/${name}`)]) {
    const document = get(path);
    const known = new Set(Object.keys(document.definitions ?? document.components.schemas));
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)];
    assert.ok(refs.length > 0, path);
    for (const [, name = ''] of refs) assert.ok(known.has(name), `${path}: ${name}`);
  }
});

test('openapi: writes say that they can be dry and that they check fields', () => {
  const path = get('/openapi/v3/apis/apps/v1').paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
  const patch = path?.['patch'];
  assert.equal(patch?.operationId, 'patchAppsV1NamespacedDeployment');
  assert.equal(patch?.['x-kubernetes-action'], 'patch');
  assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], { group: 'apps', kind: 'Deployment', version: 'v1' });
  const names = patch?.parameters?.map(({ name }) => name);
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force']);
});

test('openapi: fields say how they are merged and applied', () => {
  for (const schemas of [get('/openapi/v3/api/v1').components.schemas, get('/openapi/v2').definitions]) {
    const { containers } = schemas['io.k8s.api.core.v1.PodSpec']?.properties ?? {};
    assert.equal(containers?.['x-kubernetes-list-type'], 'map');
    assert.deepEqual(containers?.['x-kubernetes-list-map-keys'], ['name']);
    assert.equal(containers?.['x-kubernetes-patch-merge-key'], 'name');
    assert.equal(containers?.['x-kubernetes-patch-strategy'], 'merge');
    assert.equal(schemas['io.k8s.api.core.v1.ContainerPort']?.properties['protocol']?.['default'], 'TCP');
  }
});

test('openapi: operations have names of their own', () => {
  const seen = new Set<string>();
  for (const operations of Object.values(get('/openapi/v2').paths)) {
    for (const { operationId } of Object.values(operations)) {
      if (operationId === undefined) continue;
      assert.ok(!seen.has(operationId), operationId);
      seen.add(operationId);
    }
  }
});

test('openapi: the v2 document is also the protobuf message that kubectl asks for', () => {
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const answer = openApi.handle('/openapi/v2', accept, undefined, { acceptEncoding: 'gzip' });
  assert.equal(answer?.headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
  const reader = new BinaryReader(gunzipSync(answer?.body ?? new Uint8Array()));
  const found: number[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) assert.equal(reader.string(), '2.0');
    else reader.skip(type);
    found.push(field);
  }
  assert.deepEqual(found, [1, 2, 8, 9, 13, 12]);
});

test('openapi: other paths are left to others, other media types are refused', () => {
  assert.equal(openApi.handle('/openapi/v1', undefined, undefined), undefined);
  assert.deepEqual(openApi.handle('/openapi/v3/apis/nope/v1', undefined, undefined), {
    status: 404,
    headers: {},
    body: new Uint8Array(),
  });
  assert.throws(() => openApi.handle('/openapi/v2', 'text/plain', undefined), StatusError);
});
