import { LRUCache } from 'lru-cache';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus, StatusError } from '#machinery/status.ts';
import { formatMicroTime, formatTime } from '#machinery/time.ts';
import type { Event, ObjectReference } from '#machinery/types/core-v1.ts';
import type { Event as SeriesEvent } from '#machinery/types/events-v1.ts';

/** Tells users what a component did with an object. Returns at once; events are written in the background. */
export interface EventRecorder {
  record(regarding: KubeObject | ObjectReference, event: RecordedEvent): void;
  /** Resolves when all that was recorded so far is written or given up. */
  flush(): Promise<void>;
}

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase: `SuccessfulCreate`. */
  readonly reason: string;
  readonly message: string;
  /** What was being done, for events.k8s.io recorders: `Binding`. */
  readonly action?: string;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the component: `deployment-controller`. */
  readonly component: string;
  /** Name of the machine, for components that run on each node. */
  readonly host?: string;
}

const event: ResourceRef<Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
const seriesEvent: ResourceRef<SeriesEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/** Objects, messages and sources that are remembered for correlation. Upstream's number. */
const CACHE_SIZE = 4096;
/** Further events are dropped while this many wait to be written. */
const MAX_WAITING = 1000;
const MAX_TRIES = 4;
const RETRY_MS = 500;
/** More than this many similar events in `SIMILAR_WINDOW_MS` are combined. */
const MAX_SIMILAR = 10;
const SIMILAR_WINDOW_MS = 600_000;
/** Events about one object from one source: a burst, then one each five minutes. */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;
/** An event of events.k8s.io that repeats within this time is the same series. */
const SERIES_WINDOW_MS = 360_000;

/** Sized by weight, so that it grows with what it holds: `max` would allocate 100 KB for components that tell nothing. */
function remember<V extends object>(): LRUCache<string, V> {
  return new LRUCache<string, V>({ maxSize: CACHE_SIZE, sizeCalculation: () => 1 });
}

/** Writes core/v1 Events, counting repeats in `count`, as controllers and the node agent do. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, component, host = '' } = options;
  const writer = new BackgroundWriter(options);
  const spam = new SpamFilter(clock);
  const similar = remember<{ since: number; messages: Set<string> }>();
  const known = remember<Event>();

  /** The event itself, or the combined one that stands for many alike. */
  function aggregate(reference: ObjectReference, { type, reason, message }: RecordedEvent): [string, string] {
    const group = JSON.stringify([referenceKey(reference), type, reason]);
    const now = clock.now();
    let entry = similar.get(group);
    if (!entry || now - entry.since > SIMILAR_WINDOW_MS) entry = { since: now, messages: new Set() };
    entry.messages.add(message);
    similar.set(group, entry);
    if (entry.messages.size < MAX_SIMILAR) return [JSON.stringify([group, message]), message];
    entry.messages.delete(entry.messages.values().next().value ?? '');
    return [group, `(combined from similar events): ${message}`];
  }

  async function write(key: string, reference: ObjectReference, recorded: RecordedEvent): Promise<void> {
    const now = formatTime(clock.now());
    const before = known.get(key);
    if (before) {
      const count = (before.count ?? 1) + 1;
      const { name = '', namespace } = before.metadata;
      const patch = { count, lastTimestamp: now, message: recorded.message };
      try {
        known.set(key, await client.patch(event, { name, namespace, type: 'strategic', body: patch }));
        return;
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
        known.delete(key); // It expired: a new one is written.
      }
    }
    const { type, reason, message } = recorded;
    const created = await client.create(event, {
      metadata: eventMetadata(reference, clock),
      involvedObject: reference,
      type,
      reason,
      message,
      source: { component, ...(host ? { host } : {}) },
      reportingComponent: component,
      reportingInstance: host,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
    known.set(key, created);
  }

  return {
    record(regarding, recorded) {
      const reference = referenceTo(regarding);
      const [key, message] = aggregate(reference, recorded);
      if (spam.allows(referenceKey(reference))) writer.enqueue(() => write(key, reference, { ...recorded, message }));
    },
    flush: () => writer.flush(),
  };
}

/** Writes events.k8s.io/v1 Events, counting repeats in `series`, as the scheduler does. */
export function createSeriesEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, component, host = '' } = options;
  const writer = new BackgroundWriter(options);
  const known = remember<{ event: SeriesEvent; lastSeen: number }>();

  async function write(reference: ObjectReference, recorded: RecordedEvent): Promise<void> {
    const { type, reason, message, action = reason } = recorded;
    const key = JSON.stringify([referenceKey(reference), type, reason, action, message]);
    const now = clock.now();
    const before = known.get(key);
    if (before && now - before.lastSeen < SERIES_WINDOW_MS) {
      const count = (before.event.series?.count ?? 1) + 1;
      const { name = '', namespace } = before.event.metadata;
      const patch = { series: { count, lastObservedTime: formatMicroTime(now) } };
      try {
        known.set(key, {
          event: await client.patch(seriesEvent, { name, namespace, type: 'merge', body: patch }),
          lastSeen: now,
        });
        return;
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    const created = await client.create(seriesEvent, {
      metadata: eventMetadata(reference, clock),
      regarding: reference,
      type,
      reason,
      action,
      note: message.slice(0, 1024),
      eventTime: formatMicroTime(now),
      reportingController: component,
      reportingInstance: host ? `${component}-${host}` : component,
    });
    known.set(key, { event: created, lastSeen: now });
  }

  return {
    record: (regarding, recorded) => writer.enqueue(() => write(referenceTo(regarding), recorded)),
    flush: () => writer.flush(),
  };
}

/** Points at an object, as events and endpoints do. */
export function referenceTo(object: KubeObject | ObjectReference): ObjectReference {
  if (!('metadata' in object)) return object;
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}

function referenceKey({ kind, namespace, name, uid, fieldPath }: ObjectReference): string {
  return JSON.stringify([kind, namespace, name, uid, fieldPath]);
}

/** `web-1.18f3a0c2b7d4e6f1`: the object's name and the time in nanoseconds, made unique in this process. */
function eventMetadata(reference: ObjectReference, clock: Clock): { name: string; namespace: string } {
  const nanoseconds = BigInt(clock.now()) * 1_000_000n + BigInt(sequence++ % 1_000_000);
  return { name: `${reference.name ?? ''}.${nanoseconds.toString(16)}`, namespace: reference.namespace || 'default' };
}

let sequence = 0;

/** A token bucket for each object. */
class SpamFilter {
  readonly #clock: Clock;
  readonly #buckets = remember<{ tokens: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  allows(key: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, at: now };
    const tokens = Math.min(SPAM_BURST, bucket.tokens + (now - bucket.at) / SPAM_REFILL_MS);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}

/** Runs writes one after the other, trying again when the server is away; never lets a failure out. */
class BackgroundWriter {
  readonly #options: EventRecorderOptions;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  enqueue(write: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    this.#tail = this.#tail.then(() => this.#try(write)).finally(() => this.#waiting--);
  }

  flush(): Promise<void> {
    return this.#tail;
  }

  async #try(write: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await write();
      } catch (error) {
        // A refusal stays one: the namespace is going, or the event is not valid.
        if (error instanceof StatusError || tries >= MAX_TRIES) return log.debug({ err: error }, 'an event was lost');
        await clock.sleep(RETRY_MS * tries);
      }
    }
  }
}
