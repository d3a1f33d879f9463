import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import type { Informer } from '#client/informer.ts';
import { startInformer } from '#client/start-informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';

/** One informer a resource for the whole process, started when it is first asked for. */
export interface Informers {
  of<T extends KubeObject>(resource: ResourceRef<T>): Informer<T>;
  /** Metadata only (PartialObjectMetadata); the whole objects' informer where one runs already. */
  metadataOf(resource: ResourceRef): Informer<KubeObject>;
  /** The informer of a resource where one runs. */
  peek(resource: ResourceRef): Informer<KubeObject> | undefined;
}

export interface InformersOptions {
  /** Whose identity the informers read with: it must be able to list and watch whatever is asked for. */
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export function createInformers({ client, ...options }: InformersOptions): Informers {
  const whole = new Map<string, Informer<KubeObject>>();
  const metadata = new Map<string, Informer<KubeObject>>();
  const metadataClient = createClient(client.transport, { metadataOnly: true, clock: options.clock });

  function shared(
    informers: Map<string, Informer<KubeObject>>,
    reader: Client,
    resource: ResourceRef,
  ): Informer<KubeObject> {
    const key = informerKey(resource);
    let informer = informers.get(key);
    if (!informer) informers.set(key, (informer = startInformer(reader, resource, options)));
    return informer;
  }

  return {
    // One key always holds the informer of one resource, so its objects are of that resource's type.
    of: <T extends KubeObject>(resource: ResourceRef<T>) => shared(whole, client, resource) as Informer<T>,
    metadataOf: (resource) => whole.get(informerKey(resource)) ?? shared(metadata, metadataClient, resource),
    peek: (resource) => whole.get(informerKey(resource)),
  };
}

function informerKey({ group, plural }: ResourceRef): string {
  return `${group}/${plural}`;
}
