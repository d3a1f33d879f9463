import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JSON_TYPE, negotiateRendering, PROTOBUF_TYPE, type Shape, statusMediaType } from './accept.ts';

function negotiate(accept: string | undefined, shape: Shape = 'object', query = '') {
  return negotiateRendering({ accept, userAgent: undefined, query: new URLSearchParams(query), shape });
}

test('accept: JSON unless something else is asked for', () => {
  for (const accept of [undefined, '', '*/*', 'text/html, */*;q=0.1']) assert.equal(negotiate(accept).media, JSON_TYPE);
  assert.equal(negotiate(`${PROTOBUF_TYPE},application/json`).media, PROTOBUF_TYPE);
  assert.equal(negotiate(`application/json;q=0.5,${PROTOBUF_TYPE};q=0.9`).media, PROTOBUF_TYPE);
  assert.throws(() => negotiate('text/html'), { code: 406 });
});

test('accept: transforms need group, version and the right kind for the shape', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  assert.equal(negotiate(`${table},application/json`, 'list').as, 'Table');
  assert.equal(
    negotiate('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'list').as,
    'PartialObjectMetadata',
  );
  assert.equal(negotiate('application/json;as=Table;v=v2;g=meta.k8s.io,application/json').as, 'object');
  assert.throws(() => negotiate('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'list'), { code: 406 });
  assert.throws(() => negotiate(table, 'object', 'includeObject=Nope'), { code: 400 });
});

test('accept: a watch is not YAML', () => {
  assert.throws(() => negotiate('application/yaml', 'watch'), { code: 406 });
});

test('accept: errors are JSON where nothing that is accepted exists', () => {
  assert.equal(statusMediaType('text/html'), JSON_TYPE);
  assert.equal(statusMediaType(PROTOBUF_TYPE), PROTOBUF_TYPE);
  assert.equal(statusMediaType(`${PROTOBUF_TYPE};as=Nope`), JSON_TYPE);
});
