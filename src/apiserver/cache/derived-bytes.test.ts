import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '#machinery/object.ts';
import type { CachedObject } from './cache.ts';
import { DerivedBytes } from './derived-bytes.ts';
import { jsonBookmarkFrame, jsonFrame, jsonItem, jsonList, jsonObject, jsonTypeMeta } from './json-bytes.ts';

const pod: KubeObject & { spec: unknown } = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    annotations: { resourceVersion: '7', note: 'ünïcödé "resourceVersion":"7"' },
    name: 'ä',
    resourceVersion: '7',
    labels: { a: 'b' },
  },
  spec: { nodeName: 'n1' },
};
const item = jsonItem(pod, JSON.stringify);
const typeMeta = jsonTypeMeta('v1', 'Pod');
const parsed = (parts: Iterable<Uint8Array>): unknown => JSON.parse(Buffer.concat([...parts]).toString());
const { kind: _kind, apiVersion: _apiVersion, ...asItem } = pod;

describe('JSON of an object', () => {
  test('as an item it has no kind and apiVersion, by itself it has them first', () => {
    assert.deepEqual(parsed([item.bytes]), asItem);
    assert.deepEqual(parsed(jsonObject(typeMeta, item)), pod);
    assert.match(Buffer.concat(jsonObject(typeMeta, item)).toString(), /^\{"kind":"Pod","apiVersion":"v1","metadata"/);
  });

  test('another revision is shown in its one right place', () => {
    const deleted = parsed(jsonObject(typeMeta, item, 12345)) as KubeObject;
    assert.deepEqual(deleted, { ...pod, metadata: { ...pod.metadata, resourceVersion: '12345' } });
  });

  test('watch lines end in a newline', () => {
    const frame = Buffer.from(jsonFrame('DELETED', typeMeta, item, 9)).toString();
    assert.deepEqual(JSON.parse(frame).type, 'DELETED');
    assert.equal(JSON.parse(frame).object.metadata.resourceVersion, '9');
    assert.equal(frame.indexOf('\n'), frame.length - 1);
    const bookmark = JSON.parse(Buffer.from(jsonBookmarkFrame(pod, 5, true)).toString());
    assert.deepEqual(bookmark.object.metadata, {
      resourceVersion: '5',
      annotations: { 'k8s.io/initial-events-end': 'true' },
    });
  });

  test('a list holds its items in order', () => {
    const list = (items: (typeof item)[]) =>
      parsed(jsonList(jsonTypeMeta('v1', 'PodList'), { resourceVersion: '9' }, items));
    const head = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '9' } };
    assert.deepEqual(list([item, item]), { ...head, items: [asItem, asItem] });
    assert.deepEqual(list([]), { ...head, items: [] });
  });
});

describe('derived bytes', () => {
  const entry = (): CachedObject => ({
    key: 'a/x',
    namespace: 'a',
    name: 'x',
    revision: 1,
    bytes: new Uint8Array(1),
    object: () => pod,
  });

  test('a form is made once for each state of an object', () => {
    const derived = new DerivedBytes();
    const [first, second] = [entry(), entry()];
    let made = 0;
    const make = () => ({ value: ++made, bytes: 10 });
    assert.deepEqual(
      [
        derived.get(first, 'json', make),
        derived.get(first, 'json', make),
        derived.get(first, 'table', make),
        derived.get(second, 'json', make),
      ],
      [1, 1, 2, 3],
    );
  });

  test('what was used longest ago goes when there is too much', () => {
    const derived = new DerivedBytes(3000);
    const entries = [entry(), entry(), entry()];
    let made = 0;
    const make = () => ({ value: ++made, bytes: 1000 });
    for (const object of entries) derived.get(object, 'json', make);
    assert.ok(derived.bytes <= 3000);
    const [first, , last] = entries;
    assert.ok(first && last);
    assert.equal(derived.get(last, 'json', make), 3);
    assert.equal(derived.get(first, 'json', make), 4);
  });
});
