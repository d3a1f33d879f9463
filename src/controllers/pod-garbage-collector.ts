import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import { formatTime, parseTime } from '#machinery/time.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { defineController, done, type SetupContext } from '#reconciler/controller.ts';
import { isPodFinished } from '#reconciler/pods.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';

/** Finished pods that are kept; the oldest go. Upstream's --terminated-pod-gc-threshold. */
const MAX_FINISHED_PODS = 12_500;
const SWEEP_MS = 20_000;
/** A node must be missing this long before its pods go. */
const QUARANTINE_MS = 40_000;

/** Removes pods that nobody would ever remove: of nodes that are gone, never scheduled, finished and too many. */
export const podGarbageCollector = defineController('pod-garbage-collector-controller', {
  identity: 'pod-garbage-collector',
  workers: 1,
  setup(context) {
    const pods = context.informers.of(pod);
    const nodes = context.informers.of(node);
    const missingSince = new Map<string, number>();
    return {
      reconcile: async () => done,
      async run(signal) {
        while (!signal.aborted) {
          const now = context.clock.now();
          noteMissing(missingSince, pods.list(), (name) => nodes.get(name), now);
          const gone = await goneNodes(missingSince, context.client, now);
          await collect(
            planCollection(pods.list(), gone, (name) => nodes.get(name)),
            context,
          );
          await context.clock.sleep(SWEEP_MS, signal).catch(() => undefined); // Only an abort: the loop looks.
        }
      },
    };
  },
});

/** Remembers since when nodes that pods name have been missing. */
function noteMissing(
  since: Map<string, number>,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  now: number,
): void {
  const missing = new Set(pods.flatMap(({ spec }) => (spec.nodeName && !nodeOf(spec.nodeName) ? [spec.nodeName] : [])));
  for (const name of since.keys()) if (!missing.has(name)) since.delete(name);
  for (const name of missing) if (!since.has(name)) since.set(name, now);
}

/** Nodes that have been missing long enough; each is asked for at the server once more. */
async function goneNodes(
  since: ReadonlyMap<string, number>,
  client: Client,
  now: number,
): Promise<ReadonlySet<string>> {
  const gone = new Set<string>();
  for (const [name, at] of since) {
    if (now - at < QUARANTINE_MS) continue;
    const found = await client.get(node, name).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    if (!found) gone.add(name);
  }
  return gone;
}

export interface Collection {
  readonly pod: Pod;
  /** Why the pod is disrupted, for its condition; absent for pods that had finished. */
  readonly message?: string;
}

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** Which pods go. Pure. */
export function planCollection(
  pods: readonly Pod[],
  gone: ReadonlySet<string>,
  nodeOf: (name: string) => Node | undefined,
): readonly Collection[] {
  const finished = pods.filter((object) => isPodFinished(object) && object.metadata.deletionTimestamp === undefined);
  const surplus = finished
    .toSorted((a, b) => createdAt(a) - createdAt(b))
    .slice(0, Math.max(0, finished.length - MAX_FINISHED_PODS));
  const orphaned = pods.filter(({ spec }) => spec.nodeName && gone.has(spec.nodeName));
  const never = pods.filter(({ metadata, spec }) => metadata.deletionTimestamp !== undefined && !spec.nodeName);
  const outOfService = pods.filter(({ metadata, spec }) => {
    const owner = spec.nodeName ? nodeOf(spec.nodeName) : undefined;
    const isReady = owner?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    const isOut = owner?.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE);
    return metadata.deletionTimestamp !== undefined && isOut && !isReady;
  });
  return [
    ...surplus.map((object) => ({ pod: object })),
    ...orphaned.map((object) => ({ pod: object, message: 'PodGC: node no longer exists' })),
    ...outOfService.map((object) => ({ pod: object })),
    ...never.map((object) => ({ pod: object })),
  ];
}

function createdAt({ metadata }: Pod): number {
  return parseTime(metadata.creationTimestamp) ?? 0;
}

async function collect(collections: readonly Collection[], { client, clock, log }: SetupContext): Promise<void> {
  for (const { pod: object, message } of collections) {
    const { name = '', namespace, uid } = object.metadata;
    try {
      if (!isPodFinished(object)) {
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByPodGC',
          message,
          lastTransitionTime: formatTime(clock.now()),
        };
        const conditions = message ? { conditions: [condition] } : {};
        const patch = { metadata: { uid }, status: { phase: 'Failed', ...conditions } };
        await client.patch(pod, { name, namespace, type: 'strategic', body: patch }, { subresource: 'status' });
      }
      await client.delete(pod, name, namespace, { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) log.warn({ err: error, pod: name, namespace }, 'could not collect a pod');
    }
  }
}
