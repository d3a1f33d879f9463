import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { type Randomness, systemRandomness } from '#base/random.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus, StatusError } from '#machinery/status.ts';
import type { Client } from './client.ts';
import { listAll } from './create-client.ts';
import type { Change, Index, Informer } from './informer.ts';
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
/** A watch that ends sooner than this is not resumed at once. */
const SHORT_WATCH_MS = 1000;

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
  const informer = new ListWatch(client, resource, options);
  void informer.run(); // Ends with the signal; every failure inside is retried.
  return informer;
}

class ListWatch<T extends KubeObject> implements Informer<T> {
  readonly #client: Client;
  readonly #resource: ResourceRef<T>;
  readonly #options: InformerOptions;
  readonly #filter: Pick<InformerOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  readonly #randomness: Randomness;
  readonly #cache = new InformerCache<T>();
  readonly #handlers = new Set<(change: Change<T>) => void>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #revision = 0;
  #backoffMs = FIRST_BACKOFF_MS;

  constructor(client: Client, resource: ResourceRef<T>, options: InformerOptions) {
    const { signal: _, clock: __, log: ___, randomness = systemRandomness, ...filter } = options;
    this.#client = client;
    this.#resource = resource;
    this.#options = options;
    this.#filter = filter;
    this.#randomness = randomness;
    this.#synced.promise.catch(() => undefined); // Aborted before the first list: nobody has to be waiting for it.
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get revision(): number {
    return this.#revision;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#cache.get(name, namespace);
  }

  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }

  index(name: string, keysOf: (object: T) => readonly string[]): Index<T> {
    return this.#cache.index(name, keysOf);
  }

  subscribe(handler: (change: Change<T>) => void): Disposable {
    for (const object of this.#cache.list()) this.#deliver(handler, { type: 'added', object });
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  async run(): Promise<void> {
    const { signal, clock, log } = this.#options;
    let from: string | undefined;
    while (!signal.aborted) {
      const started = clock.now();
      try {
        from ??= await this.#relist();
        await this.#follow(from, (resourceVersion) => {
          from = resourceVersion;
        });
        // An end that the server chose is resumed at once, unless it ends every watch immediately.
        if (clock.now() - started > SHORT_WATCH_MS) continue;
      } catch (error) {
        if (signal.aborted) break;
        if (isExpired(error)) from = undefined;
        log.debug({ err: error, resource: this.#resource.plural }, 'the watch broke; trying again');
      }
      const waitMs = this.#backoffMs * (1 + this.#randomness.fraction());
      this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
      await clock.sleep(waitMs, signal).catch(() => undefined); // Only an abort ends it early: the loop looks.
    }
    this.#synced.reject(signal.reason);
  }

  async #relist(): Promise<string> {
    const list = await listAll(this.#client, this.#resource, { ...this.#filter, signal: this.#options.signal });
    for (const change of this.#cache.replace(list.items.map(withoutManagedFields))) this.#tell(change);
    const { resourceVersion = '' } = list.metadata;
    this.#revision = Number(resourceVersion);
    this.#hasSynced = true;
    this.#synced.resolve();
    return resourceVersion;
  }

  /** Follows the watch until it ends; `reached` is told how far it got, so that it can be resumed. */
  async #follow(resourceVersion: string, reached: (resourceVersion: string) => void): Promise<void> {
    const timeoutSeconds = Math.floor(MIN_WATCH_SECONDS * (1 + this.#randomness.fraction()));
    const { signal } = this.#options;
    const watch = { ...this.#filter, resourceVersion, allowWatchBookmarks: true, timeoutSeconds, signal };
    for await (const event of this.#client.watch(this.#resource, watch)) {
      if (event.type === 'ERROR') throw new StatusError(event.object);
      const { resourceVersion: at } = event.object.metadata;
      if (at !== undefined) {
        reached(at);
        this.#revision = Number(at);
      }
      if (event.type === 'DELETED') this.#tell(this.#cache.remove(withoutManagedFields(event.object)));
      else if (event.type !== 'BOOKMARK') this.#tell(this.#cache.put(withoutManagedFields(event.object)));
      this.#backoffMs = FIRST_BACKOFF_MS;
    }
  }

  #tell(change: Change<T> | undefined): void {
    if (change) for (const handler of this.#handlers) this.#deliver(handler, change);
  }

  #deliver(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#options.log.error({ err: error, resource: this.#resource.plural }, 'a handler of an informer failed');
    }
  }
}

function isExpired(error: unknown): boolean {
  return isStatus(error, 'Expired') || isStatus(error, 'Gone') || (error instanceof StatusError && error.code === 410);
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return Object.freeze({ ...object, metadata: Object.freeze(metadata) });
}
