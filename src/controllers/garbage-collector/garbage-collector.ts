import { LRUCache } from 'lru-cache';
import type { Client } from '#client/client.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import type { OwnerReference } from '#machinery/types/meta-v1.ts';
import { defineController, done, type Result, type SetupContext } from '#reconciler/controller.ts';
import { groupOf } from '#reconciler/owners.ts';
import { FOREGROUND, type GraphNode, ORPHAN, OwnerGraph } from './graph.ts';
import { Monitors } from './monitors.ts';
import { blockingDependents, judge, type OwnerState } from './verdict.ts';

/** Owners that the server has said do not exist. Upstream's size. */
const ABSENT_OWNERS = 500;
const STRATEGIC_MERGE_NOT_SUPPORTED = 'UnsupportedMediaType';

/**
 * Deletes objects whose owners are all gone, lets go of dependents that are to be orphaned, and holds back owners that
 * wait for theirs. The graph of owners is only a hint: before anything is deleted the object, and each owner that the
 * graph does not show, are read from the server. Source: Kubernetes documentation, "Garbage Collection".
 */
export const garbageCollector = defineController('garbage-collector-controller', {
  identity: 'generic-garbage-collector',
  workers: 20,
  setup(context) {
    const graph = new OwnerGraph();
    const absent = new LRUCache<string, true>({ max: ABSENT_OWNERS });
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => undefined); // Aborted before the first discovery: nobody has to be waiting for it.
    const monitors = new Monitors(context, (resource, change) => {
      const uid = change.object.metadata.uid ?? '';
      if (change.type === 'deleted') {
        absent.set(uid, true);
        const node = graph.get(uid);
        const dependents = graph.dependents(uid);
        graph.remove(uid);
        for (const dependent of dependents) context.enqueue(dependent.uid);
        // An owner that waits for this one may be able to go.
        for (const owner of node?.owners ?? []) if (graph.get(owner.uid)?.deletesDependents) context.enqueue(owner.uid);
        return;
      }
      enqueueChanged(graph.get(uid), graph.set(resource, change.object), graph, context);
    });
    const collector: Collector = { graph, absent, monitors, context };
    return {
      async reconcile(uid, { client }) {
        await ready.promise;
        const node = graph.get(uid);
        return node ? collect(node, collector, client) : done;
      },
      async run(signal) {
        signal.addEventListener('abort', () => ready.reject(signal.reason), { once: true });
        await monitors.run(signal, ready.resolve);
      },
    };
  },
});

interface Collector {
  readonly graph: OwnerGraph;
  readonly absent: LRUCache<string, true>;
  readonly monitors: Monitors;
  readonly context: SetupContext;
}

function enqueueChanged(
  before: GraphNode | undefined,
  node: GraphNode,
  graph: OwnerGraph,
  { enqueue }: SetupContext,
): void {
  if (node.deletesDependents && !before?.deletesDependents) {
    for (const dependent of graph.dependents(node.uid)) enqueue(dependent.uid);
    enqueue(node.uid);
  } else if (node.orphansDependents) {
    enqueue(node.uid);
  }
  if (node.isGoing && !node.deletesDependents) return;
  const isOwnedBy = (uid: string) => before?.owners.some((owner) => owner.uid === uid) ?? false;
  const newOwners = node.owners.filter(({ uid }) => !isOwnedBy(uid));
  if (newOwners.some(({ uid }) => !isAlive(graph.get(uid)))) enqueue(node.uid);
  // A reference that no longer blocks, or is gone, may free its owner.
  for (const { uid } of before?.owners ?? []) if (graph.get(uid)?.deletesDependents) enqueue(uid);
}

function isAlive(node: GraphNode | undefined): boolean {
  return node !== undefined && !node.deletesDependents;
}

async function collect(node: GraphNode, collector: Collector, client: Client): Promise<Result> {
  const live = await read(client, node.resource, node.name, node.namespace);
  if (!live || live.metadata.uid !== node.uid) return done; // The informer will say so.
  const { ownerReferences = [], finalizers = [], deletionTimestamp } = live.metadata;
  if (deletionTimestamp !== undefined) {
    if (finalizers.includes(ORPHAN)) return orphanDependents(node, live, collector, client);
    if (finalizers.includes(FOREGROUND)) return waitForDependents(node, live, collector, client);
    return done;
  }
  const states = new Map<string, OwnerState>();
  for (const owner of ownerReferences) states.set(owner.uid, await ownerState(owner, node, collector, client));
  const dependents = collector.graph.dependents(node.uid);
  const verdict = judge(ownerReferences, ({ uid }) => states.get(uid) ?? 'present', dependents);
  if (verdict.type === 'keep') return done;
  if (verdict.type === 'unlink') {
    await unlink(node, live, new Set(verdict.uids), client);
    return done;
  }
  const said = finalizers.includes(ORPHAN) ? 'Orphan' : finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
  const { uid, resourceVersion = '' } = live.metadata;
  await client.delete(node.resource, node.name, node.namespace, {
    propagationPolicy: verdict.policy === 'asItSays' ? said : verdict.policy,
    resourceVersion,
    ...(uid ? { uid } : {}),
  });
  return done;
}

/** What the graph shows counts: a deletion that it does not show yet will wake the dependents when it does. */
async function ownerState(
  owner: OwnerReference,
  { namespace }: GraphNode,
  { graph, absent, monitors, context }: Collector,
  client: Client,
): Promise<OwnerState> {
  if (absent.has(owner.uid)) return 'absent';
  const known = graph.get(owner.uid);
  if (known && (!known.namespace || known.namespace === namespace)) {
    return known.deletesDependents ? 'waitsForDependents' : 'present';
  }
  const group = groupOf(owner.apiVersion);
  let resource = monitors.find(group, owner.kind);
  if (!resource) {
    await monitors.refresh(context.signal);
    resource = monitors.find(group, owner.kind);
  }
  // A kind that nobody knows is no proof that the owner is gone.
  if (!resource) throw new Error(`no kind ${owner.kind} in ${owner.apiVersion} is served, which owns an object`);
  if (resource.namespaced && !namespace) return 'absent'; // What is in no namespace cannot be owned from within one.
  const live = await read(client, resource, owner.name, resource.namespaced ? namespace : '');
  if (live?.metadata.uid !== owner.uid) {
    absent.set(owner.uid, true);
    return 'absent';
  }
  const { deletionTimestamp, finalizers = [] } = live.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? 'waitsForDependents' : 'present';
}

/** Foreground: the owner goes when no dependent blocks it any more. */
async function waitForDependents(
  node: GraphNode,
  live: KubeObject,
  collector: Collector,
  client: Client,
): Promise<Result> {
  const blocking = blockingDependents(node, collector.graph.dependents(node.uid));
  if (blocking.length === 0) {
    await removeFinalizer(node, live, FOREGROUND, client);
    return done;
  }
  for (const dependent of blocking) if (!dependent.deletesDependents) collector.context.enqueue(dependent.uid);
  return done;
}

async function orphanDependents(
  node: GraphNode,
  live: KubeObject,
  collector: Collector,
  client: Client,
): Promise<Result> {
  for (const dependent of collector.graph.dependents(node.uid)) {
    const current = await read(client, dependent.resource, dependent.name, dependent.namespace);
    if (current?.metadata.uid === dependent.uid) await unlink(dependent, current, new Set([node.uid]), client);
  }
  await removeFinalizer(node, live, ORPHAN, client);
  return done;
}

/** Takes owner references away, whichever kind of patch the resource understands. */
async function unlink(node: GraphNode, live: KubeObject, uids: ReadonlySet<string>, client: Client): Promise<void> {
  const { ownerReferences = [], resourceVersion, uid } = live.metadata;
  const gone = [...uids].map((owner) => ({ $patch: 'delete', uid: owner }));
  try {
    await client.patch(node.resource, {
      name: node.name,
      namespace: node.namespace,
      type: 'strategic',
      body: { metadata: { ownerReferences: gone, uid } },
    });
  } catch (error) {
    if (isStatus(error, 'NotFound')) return;
    if (!isStatus(error, STRATEGIC_MERGE_NOT_SUPPORTED)) throw error;
    const left = ownerReferences.filter((owner) => !uids.has(owner.uid));
    await client.patch(node.resource, {
      name: node.name,
      namespace: node.namespace,
      type: 'merge',
      body: { metadata: { ownerReferences: left, resourceVersion } },
    });
  }
}

async function removeFinalizer(node: GraphNode, live: KubeObject, finalizer: string, client: Client): Promise<void> {
  const { finalizers = [], resourceVersion } = live.metadata;
  const left = finalizers.filter((other) => other !== finalizer);
  try {
    await client.patch(node.resource, {
      name: node.name,
      namespace: node.namespace,
      type: 'merge',
      body: { metadata: { finalizers: left.length > 0 ? left : null, resourceVersion } },
    });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

async function read(
  client: Client,
  resource: ResourceRef,
  name: string,
  namespace: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, name, namespace || undefined);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}
