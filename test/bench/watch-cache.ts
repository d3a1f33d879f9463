import { performance } from 'node:perf_hooks';
import { systemClock } from '#base/clock.ts';
import { deepFreeze, type KubeObject } from '#machinery/object.ts';
import type { Store, StoreEvent } from '#store/store.ts';
import type { WatchChange, WatchRequest, WatchSink } from '#apiserver/cache/cache.ts';
import { DerivedBytes } from '#apiserver/cache/derived-bytes.ts';
import { startFeed } from '#apiserver/cache/feed.ts';
import { jsonFrame, jsonItem, jsonTypeMeta } from '#apiserver/cache/json-bytes.ts';

/**
 * What the watch cache costs by itself: updates of pods of 2 KiB given to 200 watchers as JSON frames, beside the floor
 * of decoding, encoding and handing over by themselves. Prints one JSON line a measurement; times are of one core.
 */
interface Pod extends KubeObject {
  readonly spec: { readonly nodeName: string; readonly padding: string };
}

const PODS = 2000;
const WATCHERS = 200;
const NODES = 200;
const MEASURE_MS = 1500;
/** Events of one batch, as a busy store delivers them. */
const BATCH = 16;
const PREFIX = '/registry/pods/';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const TYPE_META = jsonTypeMeta('v1', 'Pod');
const values = new Map<number, Uint8Array>();
let revision = 1;

const cases: Readonly<Record<string, (watcher: number) => Partial<WatchRequest<Pod>>>> = {
  'everything, one filter': () => ({}),
  'each its own node': (watcher) => ({ indexed: `node-${watcher % NODES}` }),
  'each its own namespace': (watcher) => ({ namespace: `ns-${watcher}` }),
  'each its own label selector': (watcher) => ({
    filterKey: `app=app-${watcher}`,
    matches: (pod) => pod.metadata.labels?.['app'] === `app-${watcher}`,
  }),
  'one label selector for all': () => ({
    filterKey: 'team=a',
    matches: (pod) => pod.metadata.labels?.['team'] === 'a',
  }),
};

/** Microseconds for what cannot be left out: decode the event, encode it once, hand the frame to each receiver. */
function floorMicroseconds(receivers: number): number {
  let bytes = 0;
  const sinks = Array.from({ length: receivers }, (_, index) => (frame: Uint8Array) => {
    bytes += frame.length + index;
  });
  const cpu = process.threadCpuUsage();
  const end = performance.now() + MEASURE_MS / 3;
  let events = 0;
  while (performance.now() < end) {
    const pod = JSON.parse(decoder.decode(valueOf(events % PODS))) as Pod;
    const frame = encoder.encode(`{"type":"MODIFIED","object":${JSON.stringify(pod)}}\n`);
    for (const sink of sinks) sink(frame);
    events++;
  }
  const used = process.threadCpuUsage(cpu);
  return bytes > 0 ? (used.user + used.system) / events : 0;
}

async function measure(name: string, request: (watcher: number) => Partial<WatchRequest<Pod>>): Promise<void> {
  const { store, deliver } = deliveringStore();
  const transformer = {
    seal: (_key: string, plain: Uint8Array) => plain,
    open: (_key: string, stored: Uint8Array) => stored,
  };
  using feed = await startFeed({ store, clock: systemClock, transformer, failed: fail, unreadable: fail });
  const pods = feed.open<Pod>({ prefix: PREFIX, decode, indexOf: (pod) => pod.spec.nodeName });
  for (let index = 0; index < PODS; index += BATCH) deliver(batchOf(index));

  const derived = new DerivedBytes();
  const sinks = Array.from({ length: WATCHERS }, () => new CountingSink(derived));
  for (const [index, sink] of sinks.entries())
    pods.watch({ filterKey: '', matches: () => true, from: 'now', bookmarks: false, ...request(index) }, sink);

  const cpu = process.threadCpuUsage();
  const end = performance.now() + MEASURE_MS;
  let events = 0;
  for (let index = 0; performance.now() < end; index += BATCH) {
    deliver(batchOf(index));
    events += BATCH;
    // As a server would, between two deliveries from the store.
    if (index % (BATCH * 64) === 0) await new Promise(setImmediate);
  }
  const used = process.threadCpuUsage(cpu);
  const seconds = (used.user + used.system) / 1e6;
  const frames = sinks.reduce((sum, sink) => sum + sink.frames, 0);
  const microseconds = (seconds / events) * 1e6;
  const floor = floorMicroseconds(Math.round(frames / events));
  print({
    bench: name,
    eventsPerCpuSecond: Math.round(events / seconds),
    framesPerCpuSecond: Math.round(frames / seconds),
    microsecondsPerEvent: Number(microseconds.toFixed(1)),
    framesPerEvent: Number((frames / events).toFixed(2)),
    ofFloor: Number((floor / microseconds).toFixed(2)),
  });
}

class CountingSink implements WatchSink<Pod> {
  frames = 0;
  bytes = 0;
  readonly #derived: DerivedBytes;

  constructor(derived: DerivedBytes) {
    this.#derived = derived;
  }

  send(changes: readonly WatchChange<Pod>[]): boolean {
    for (const change of changes) {
      this.frames++;
      this.bytes += change.frame('json', () => this.#frame(change)).length;
    }
    return true;
  }

  #frame(change: WatchChange<Pod>): Uint8Array {
    if (change.type === 'BOOKMARK') return new Uint8Array(0);
    const item = this.#derived.get(change.object, 'v1 json', () => {
      const value = jsonItem(change.object.object(), JSON.stringify);
      return { value, bytes: value.bytes.length };
    });
    return jsonFrame(change.type, TYPE_META, item);
  }

  closed(): void {
    // The feed ends with the measurement; a watcher that was too slow shows in the number of frames.
  }
}

function batchOf(start: number): readonly StoreEvent[] {
  return Array.from({ length: BATCH }, (_, offset) => {
    const pod = (start + offset) % PODS;
    revision++;
    return { type: 'put', key: `${PREFIX}ns-${pod % WATCHERS}/pod-${pod}`, revision, value: valueOf(pod) };
  });
}

/** Prepared once: encoding what is written is not the cache's work. */
function valueOf(pod: number): Uint8Array {
  let value = values.get(pod);
  if (!value) {
    const metadata = {
      namespace: `ns-${pod % WATCHERS}`,
      name: `pod-${pod}`,
      labels: { app: `app-${pod % WATCHERS}`, team: 'a' },
    };
    const spec = { nodeName: `node-${pod % NODES}`, padding: 'x'.repeat(1800) };
    value = encoder.encode(JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata, spec }));
    values.set(pod, value);
  }
  return value;
}

function decode(bytes: Uint8Array, at: number): Pod {
  const pod = JSON.parse(decoder.decode(bytes)) as Pod;
  return deepFreeze({ ...pod, metadata: { ...pod.metadata, resourceVersion: String(at) } });
}

/** A store that says what it is told to, and when. */
function deliveringStore(): { readonly store: Store; readonly deliver: (events: readonly StoreEvent[]) => void } {
  let listener: (events: readonly StoreEvent[]) => void = () => undefined;
  const store: Store = {
    get revision() {
      return revision;
    },
    currentRevision: () => Promise.resolve(revision),
    get: () => Promise.resolve(undefined),
    range: () => Promise.resolve({ items: [], revision, more: false }),
    count: () => Promise.resolve(0),
    put: () => Promise.reject(new Error('nobody writes here')),
    delete: () => Promise.reject(new Error('nobody writes here')),
    subscribe(_prefix, _from, given) {
      listener = given;
      return Promise.resolve({ [Symbol.dispose]: () => undefined });
    },
    compact: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { store, deliver: (events) => listener(events) };
}

function fail(reason: unknown): never {
  throw reason instanceof Error ? reason : new Error(String(reason));
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

for (const [name, request] of Object.entries(cases)) await measure(name, request);
