import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandomness } from '#base/random.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import type { CachedObject, ResourceCache, WatchSink } from '../cache/cache.ts';
import { NodePorts, PortUnavailable } from './node-ports.ts';

const RANGE = { first: 30_000, last: 30_099 };

function entry(name: string, ...ports: readonly number[]): CachedObject {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'n' },
    spec: { ports: ports.map((nodePort) => ({ port: 80, targetPort: 80, nodePort })) },
    status: { loadBalancer: {} },
  };
  return { key: `n/${name}`, namespace: 'n', name, revision: 1, bytes: new Uint8Array(), object: () => service };
}

/** A cache of services whose changes the test makes itself. */
function cacheOf(entries: readonly CachedObject[]) {
  const sinks: WatchSink[] = [];
  const snapshot = { revision: 7, get: () => undefined, scan: () => entries, count: () => entries.length };
  const cache: Partial<ResourceCache> = {
    current: () => snapshot,
    watch(request, sink) {
      assert.equal(request.from, 7);
      sinks.push(sink);
      return { resume() {}, [Symbol.dispose]() {} };
    },
  };
  const tell = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: CachedObject<KubeObject>) => {
    for (const sink of sinks) sink.send([{ type, object, revision: 8, frame: (_, make) => make() }]);
  };
  return { ports: nodePorts(cache as ResourceCache), tell, sinks }; // what is not there is not used
}

function nodePorts(cache: ResourceCache): NodePorts {
  return new NodePorts({ services: () => cache, random: systemRandomness, range: RANGE });
}

function isFree(ports: NodePorts, port: number): boolean {
  using operation = ports.operation(true);
  try {
    operation.take(port);
    return true;
  } catch (error) {
    assert.ok(error instanceof PortUnavailable);
    return false;
  }
}

test('node ports: those of stored services are taken, and free again when the service goes', () => {
  const { ports, tell } = cacheOf([entry('a', 30_050)]);
  assert.equal(isFree(ports, 30_050), false);
  tell('ADDED', entry('b', 30_051, 30_052));
  assert.deepEqual([isFree(ports, 30_051), isFree(ports, 30_052)], [false, false]);
  tell('MODIFIED', entry('b', 30_052));
  assert.deepEqual([isFree(ports, 30_051), isFree(ports, 30_052)], [true, false]);
  tell('DELETED', entry('a', 30_050));
  assert.equal(isFree(ports, 30_050), true);
});

test('node ports: a write under way holds what it takes, a dry run holds nothing', () => {
  const { ports } = cacheOf([]);
  {
    using write = ports.operation(false);
    using dry = ports.operation(true);
    write.take(30_060);
    dry.take(30_061);
    assert.throws(() => dry.take(30_061), /provided port is already allocated/);
    assert.deepEqual([isFree(ports, 30_060), isFree(ports, 30_061)], [false, true]);
  }
  assert.equal(isFree(ports, 30_060), true);
});

test('node ports: only those of the range; the static band comes last', () => {
  const { ports } = cacheOf([]);
  using write = ports.operation(false);
  assert.throws(() => write.take(29_999), /The range of valid ports is 30000-30099/);
  const taken = Array.from({ length: 100 }, () => write.next());
  assert.equal(new Set(taken).size, 100);
  assert.ok(taken.slice(0, 84).every((port) => port >= 30_016));
  assert.throws(() => write.next(), /range is full/);
});

test('node ports: a watch that the cache ends is begun anew', () => {
  const { ports, sinks } = cacheOf([entry('a', 30_050)]);
  assert.equal(isFree(ports, 30_050), false);
  sinks[0]?.closed(undefined);
  assert.equal(isFree(ports, 30_050), false);
  assert.equal(sinks.length, 2);
});
