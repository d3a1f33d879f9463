import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { type Randomness, systemRandomness } from '#base/random.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus, StatusError } from '#machinery/status.ts';
import type { Client } from './client.ts';
import { listAll } from './create-client.ts';
import type { Change, Informer } from './informer.ts';
import { InformerCache } from './informer-cache.ts';

export interface InformerOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Ends the informer. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  /** For spreading back-offs and watch ends. */
  readonly randomness?: Randomness;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 30_000;
/** A watch is ended and resumed after five to ten minutes, so that no half-dead connection is kept for long. */
const MIN_WATCH_SECONDS = 300;

/**
 * Starts a list and watch of `resource`. A server that goes away and comes back is waited for with a jittered back-off
 * and the watch is resumed where it was; where history is gone (410) everything is listed again and handlers are told
 * the difference. Handlers must not throw; one that does is logged and the others go on.
 */
export function startInformer<T extends KubeObject>(
  client: Client,
  resource: ResourceRef<T>,
  options: InformerOptions,
): Informer<T> {
  const { signal, clock, log, randomness = systemRandomness, ...filter } = options;
  const cache = new InformerCache<T>();
  const handlers = new Set<(change: Change<T>) => void>();
  const synced = Promise.withResolvers<void>();
  synced.promise.catch(() => undefined); // Aborted before the first list: nobody has to be waiting for it.
  const name = `${resource.plural}${resource.group && `.${resource.group}`}`;
  let hasSynced = false;
  let revision = 0;
  let backoffMs = FIRST_BACKOFF_MS;

  function tell(change: Change<T> | undefined): void {
    if (change) for (const handler of handlers) deliver(handler, change);
  }

  function deliver(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      log.error({ err: error, resource: name }, 'a handler of an informer failed');
    }
  }

  async function relist(): Promise<string> {
    const list = await listAll(client, resource, { ...filter, signal });
    for (const change of cache.replace(list.items.map(withoutManagedFields))) tell(change);
    const { resourceVersion = '' } = list.metadata;
    revision = Number(resourceVersion);
    hasSynced = true;
    synced.resolve();
    return resourceVersion;
  }

  /** Follows the watch until it ends; `from` is moved along, so that it can be resumed. */
  async function follow(from: { resourceVersion: string }): Promise<void> {
    const timeoutSeconds = Math.floor(MIN_WATCH_SECONDS * (1 + randomness.fraction()));
    const { resourceVersion } = from;
    const watch = { ...filter, resourceVersion, allowWatchBookmarks: true, timeoutSeconds, signal };
    for await (const event of client.watch(resource, watch)) {
      if (event.type === 'ERROR') throw new StatusError(event.object);
      from.resourceVersion = event.object.metadata.resourceVersion ?? from.resourceVersion;
      revision = Number(from.resourceVersion);
      if (event.type === 'DELETED') tell(cache.remove(withoutManagedFields(event.object)));
      else if (event.type !== 'BOOKMARK') tell(cache.put(withoutManagedFields(event.object)));
      backoffMs = FIRST_BACKOFF_MS;
    }
  }

  async function run(): Promise<void> {
    let from: { resourceVersion: string } | undefined;
    while (!signal.aborted) {
      const started = clock.now();
      try {
        from ??= { resourceVersion: await relist() };
        await follow(from);
        // An end that the server chose is resumed at once, unless it ends every watch immediately.
        if (clock.now() - started > 1000) continue;
      } catch (error) {
        if (signal.aborted) break;
        if (isExpired(error)) from = undefined;
        log.debug({ err: error, resource: name }, 'the watch broke; trying again');
      }
      const waitMs = backoffMs * (1 + randomness.fraction());
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      await clock.sleep(waitMs, signal).catch(() => undefined); // Only an abort ends it early: the loop looks.
    }
    synced.reject(signal.reason);
  }

  void run(); // Ends with the signal; every failure inside is retried.

  return {
    synced: synced.promise,
    get hasSynced() {
      return hasSynced;
    },
    get revision() {
      return revision;
    },
    get: (objectName, namespace) => cache.get(objectName, namespace),
    list: (namespace) => cache.list(namespace),
    index: (indexName, keysOf) => cache.index(indexName, keysOf),
    subscribe(handler) {
      for (const object of cache.list()) deliver(handler, { type: 'added', object });
      handlers.add(handler);
      return { [Symbol.dispose]: () => void handlers.delete(handler) };
    },
  };
}

function isExpired(error: unknown): boolean {
  return isStatus(error, 'Expired') || isStatus(error, 'Gone') || (error instanceof StatusError && error.code === 410);
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return Object.freeze({ ...object, metadata: Object.freeze(metadata) });
}
