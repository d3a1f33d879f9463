import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { startInformer } from '#client/start-informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import type { ConfigMap, Pod, Secret } from '#machinery/types/core-v1.ts';
import { configMaps, secrets } from '../api-resources.ts';
import { allContainers } from '../containers/containers.ts';
import type { References } from '../containers/references.ts';

export interface WatchedReferencesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** An object that this pod shows in a volume has changed. */
  readonly changed: (uid: string) => void;
}

interface Watched {
  readonly informer: Informer<KubeObject>;
  readonly users: Set<string>;
  readonly stop: AbortController;
}

/**
 * ConfigMaps and Secrets that pods of this node refer to: read when a pod is made, then watched one by one (a node may
 * see no others) as long as a pod uses them.
 */
export class WatchedReferences implements References {
  readonly #options: WatchedReferencesOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: WatchedReferencesOptions) {
    this.#options = options;
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read(configMaps, namespace, name);
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#read(secrets, namespace, name);
  }

  /** Follows what a pod's volumes and environment refer to; call it again when the pod has changed. */
  follow(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const wanted = references(pod);
    for (const [key, watched] of this.#watched)
      if (watched.users.has(uid) && !wanted.has(key)) this.#drop(key, watched, uid);
    for (const [key, { resource, name }] of wanted) {
      const watched = this.#watched.get(key) ?? this.#watch(key, resource, pod.metadata.namespace ?? '', name);
      watched.users.add(uid);
    }
  }

  forget(uid: string): void {
    for (const [key, watched] of this.#watched) if (watched.users.has(uid)) this.#drop(key, watched, uid);
  }

  async #read<T extends KubeObject>(resource: ResourceRef<T>, namespace: string, name: string): Promise<T | undefined> {
    const informer = this.#watched.get(keyOf(resource, namespace, name))?.informer as Informer<T> | undefined;
    // What the watch has may be older than what the pod's author has just written, but never its absence.
    const cached = informer?.hasSynced ? informer.get(name, namespace) : undefined;
    if (cached) return cached;
    try {
      return await this.#options.client.get(resource, name, namespace);
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #watch(key: string, resource: ResourceRef, namespace: string, name: string): Watched {
    const { client, clock, log, signal, changed } = this.#options;
    const stop = new AbortController();
    const informer = startInformer(client, resource, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      signal: AbortSignal.any([signal, stop.signal]),
      clock,
      log,
    });
    const watched: Watched = { informer, users: new Set(), stop };
    this.#watched.set(key, watched);
    informer.subscribe((change) => {
      if (change.type !== 'added' || informer.hasSynced) for (const uid of watched.users) changed(uid);
    });
    return watched;
  }

  #drop(key: string, watched: Watched, uid: string): void {
    watched.users.delete(uid);
    if (watched.users.size > 0) return;
    watched.stop.abort();
    this.#watched.delete(key);
  }
}

function keyOf(resource: ResourceRef, namespace: string, name: string): string {
  return `${resource.plural}/${namespace}/${name}`;
}

/** Every ConfigMap and Secret that a pod names. */
function references(pod: Pod): ReadonlyMap<string, { readonly resource: ResourceRef; readonly name: string }> {
  const found = new Map<string, { resource: ResourceRef; name: string }>();
  const add = (resource: ResourceRef, name: string | undefined) => {
    if (name) found.set(keyOf(resource, pod.metadata.namespace ?? '', name), { resource, name });
  };
  for (const volume of pod.spec.volumes ?? []) {
    add(configMaps, volume.configMap?.name);
    add(secrets, volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add(configMaps, source.configMap?.name);
      add(secrets, source.secret?.name);
    }
  }
  for (const container of allContainers(pod)) {
    for (const source of container.envFrom ?? []) {
      add(configMaps, source.configMapRef?.name);
      add(secrets, source.secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  }
  for (const secret of pod.spec.imagePullSecrets ?? []) add(secrets, secret.name);
  return found;
}
