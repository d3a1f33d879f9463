import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { type DiscoveredResource, discoverResources } from '#client/discovery.ts';
import type { Change, Informer } from '#client/informer.ts';
import { startInformer } from '#client/start-informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { SetupContext } from '#reconciler/controller.ts';

/** How often new kinds of resources are looked for. */
const DISCOVERY_MS = 30_000;

type Handler = (resource: DiscoveredResource, change: Change<KubeObject>) => void;

/**
 * Informers of every kind that can be deleted: those of the process where it has any, else ones that see metadata only.
 * They come and go with the kinds that the server serves.
 */
export class Monitors {
  readonly #context: SetupContext;
  readonly #reader: Client;
  readonly #handler: Handler;
  readonly #running = new Map<string, { readonly informer: Informer<KubeObject>; readonly stop: () => void }>();
  #resources: readonly DiscoveredResource[] = [];

  constructor(context: SetupContext, handler: Handler) {
    this.#context = context;
    this.#reader = createClient(context.client.transport, { metadataOnly: true, clock: context.clock });
    this.#handler = handler;
  }

  /** The resource of a kind, in whatever version. */
  find(group: string, kind: string): DiscoveredResource | undefined {
    return this.#resources.find((resource) => resource.group === group && resource.kind === kind);
  }

  /** Looks for kinds until the signal is aborted; `ready` is called when the first ones have been listed. */
  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { clock, log } = this.#context;
    while (!signal.aborted) {
      try {
        await this.refresh(signal);
        await Promise.all([...this.#running.values()].map(({ informer }) => informer.synced.catch(() => undefined)));
        ready();
      } catch (error) {
        log.debug({ err: error }, 'could not discover the kinds of resources');
      }
      await clock.sleep(DISCOVERY_MS, signal).catch(() => undefined); // Only an abort: the loop looks.
    }
    for (const { stop } of this.#running.values()) stop();
  }

  async refresh(signal: AbortSignal): Promise<void> {
    const { resources, stale } = await discoverResources(this.#context.client, signal);
    this.#resources = resources;
    const wanted = new Map(resources.filter(isCollectable).map((resource) => [keyOf(resource), resource]));
    for (const [key, resource] of wanted) if (!this.#running.has(key)) this.#start(key, resource, signal);
    // A group that could not be asked may be back soon: its informers stay.
    if (stale.length > 0) return;
    for (const [key, { stop }] of this.#running) {
      if (wanted.has(key)) continue;
      stop();
      this.#running.delete(key);
    }
  }

  #start(key: string, resource: DiscoveredResource, signal: AbortSignal): void {
    const { informers, clock, log } = this.#context;
    const ended = new AbortController();
    const own = AbortSignal.any([signal, ended.signal]);
    const informer = informers.peek(resource) ?? startInformer(this.#reader, resource, { signal: own, clock, log });
    const subscription = informer.subscribe((change) => this.#handler(resource, change));
    this.#running.set(key, {
      informer,
      stop: () => {
        subscription[Symbol.dispose]();
        ended.abort(new Error('the kind is no longer served'));
      },
    });
  }
}

function keyOf({ group, plural }: DiscoveredResource): string {
  return `${group}/${plural}`;
}

/** Events go by themselves. */
function isCollectable({ plural, verbs }: DiscoveredResource): boolean {
  return plural !== 'events' && ['delete', 'list', 'watch'].every((verb) => verbs.includes(verb));
}
