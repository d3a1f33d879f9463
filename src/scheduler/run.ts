import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import type { Change } from '#client/informer.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { createSeriesEventRecorder } from '#reconciler/events.ts';
import type { Informers } from '#reconciler/informers.ts';
import { controllerOf } from '#reconciler/owners.ts';
import { isPodFinished } from '#reconciler/pods.ts';
import { labelMatcher } from '#reconciler/selectors.ts';
import { replicaSet } from '#resources/apps/replica-set/replica-set.ts';
import { statefulSet } from '#resources/apps/stateful-set/stateful-set.ts';
import { namespace } from '#resources/core/namespace/namespace.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { SchedulerCache } from './cache.ts';
import type { Snapshot } from './framework.ts';
import { DEFAULT_SCHEDULER, defaultPlugins } from './profile.ts';
import { SchedulingQueue } from './queue.ts';
import { Scheduler } from './scheduler.ts';

export interface SchedulerOptions {
  /** As `system:kube-scheduler`. */
  readonly client: Client;
  /** Shared with whatever else runs in the process. */
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomness: Randomness;
  readonly signal: AbortSignal;
  /** Name of the machine, shown in events. */
  readonly host?: string;
  /** Pods of other `spec.schedulerName`s are left alone. */
  readonly schedulerName?: string;
}

/** Runs the scheduler until the signal is aborted. */
export async function startScheduler(options: SchedulerOptions): Promise<void> {
  const { client, informers, clock, log, signal, randomness, host, schedulerName = DEFAULT_SCHEDULER } = options;
  const plugins = defaultPlugins(client);
  const cache = new SchedulerCache();
  const queue = new SchedulingQueue(clock, plugins);
  const events = createSeriesEventRecorder({ client, clock, log, component: schedulerName, ...(host ? { host } : {}) });
  const snapshot = createSnapshot(cache, informers);
  const scheduler = new Scheduler({ client, clock, log, randomness, events, plugins, cache, queue, snapshot, signal });
  const [nodes, pods, namespaces] = [informers.of(node), informers.of(pod), informers.of(namespace)];
  await Promise.all([nodes.synced, pods.synced, namespaces.synced]);
  const subscriptions = [
    nodes.subscribe((change) => takeNode(change, cache, queue)),
    pods.subscribe((change) => takePod(change, { cache, queue, schedulerName })),
    namespaces.subscribe(({ type, object }) =>
      queue.announce({ resource: 'Namespace', action: ACTIONS[type], object }),
    ),
  ];
  queue.onActive = () => scheduler.wake();
  scheduler.wake();
  await aborted(signal);
  for (const subscription of subscriptions) subscription[Symbol.dispose]();
  queue.clear();
}

const ACTIONS = { added: 'Add', updated: 'Update', deleted: 'Delete' } as const;

function takeNode(change: Change<Node>, cache: SchedulerCache, queue: SchedulingQueue): void {
  const { type, object } = change;
  if (type === 'deleted') cache.removeNode(object.metadata.name ?? '');
  else cache.setNode(object);
  // A heartbeat changes times only: most updates of a node help nobody.
  if (type === 'updated' && !matters(change.old, object)) return;
  const old = type === 'updated' ? { old: change.old } : {};
  queue.announce({ resource: 'Node', action: ACTIONS[type], object, ...old });
}

function matters(old: Node, object: Node): boolean {
  const view = ({ metadata, spec, status }: Node) =>
    JSON.stringify([
      metadata.labels,
      metadata.annotations,
      spec,
      status.allocatable,
      status.conditions?.map((condition) => condition.status),
    ]);
  return view(old) !== view(object);
}

interface PodParts {
  readonly cache: SchedulerCache;
  readonly queue: SchedulingQueue;
  readonly schedulerName: string;
}

function takePod(change: Change<Pod>, { cache, queue, schedulerName }: PodParts): void {
  const { type, object } = change;
  const uid = object.metadata.uid ?? '';
  const isOver = type === 'deleted' || isPodFinished(object);
  if (object.spec.nodeName) {
    queue.remove(uid);
    if (isOver) cache.removePod(uid);
    else cache.setPod(object);
    const old = type === 'updated' ? { old: change.old } : {};
    queue.announce({ resource: 'AssignedPod', action: isOver ? 'Delete' : ACTIONS[type], object, ...old });
  } else if (isOver || object.metadata.deletionTimestamp !== undefined) {
    queue.remove(uid);
    cache.forget(uid);
  } else if (object.spec.schedulerName === schedulerName && !cache.isAssumed(uid)) {
    queue.set(object);
  }
}

function createSnapshot(cache: SchedulerCache, informers: Informers): Snapshot {
  const namespaces = informers.of(namespace);
  return {
    get nodes() {
      return cache.nodes;
    },
    get: (name) => cache.get(name),
    get nodesWithAffinity() {
      return cache.nodes.values().filter((info) => !info.podsWithAffinity[Symbol.iterator]().next().done);
    },
    get nodesWithRequiredAntiAffinity() {
      return cache.nodes.values().filter((info) => !info.podsWithRequiredAntiAffinity[Symbol.iterator]().next().done);
    },
    namespaceLabels: (name) => namespaces.get(name)?.metadata.labels,
    ownerSelector(object) {
      const owner = controllerOf(object);
      const kind = [replicaSet, statefulSet].find((resource) => resource.kind === owner?.kind);
      const found = kind && informers.peek(kind)?.get(owner?.name ?? '', object.metadata.namespace);
      if (!found || found.metadata.uid !== owner?.uid) return undefined;
      return labelMatcher((found as { readonly spec?: { readonly selector?: object } }).spec?.selector);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
