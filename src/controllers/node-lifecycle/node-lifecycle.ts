import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { after, defineController, done } from '#reconciler/controller.ts';
import { podCondition } from '#reconciler/pods.ts';
import { lease } from '#resources/coordination/lease/lease.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { GRACE_MS, plannedTaints, readiness, type Sighting, sight, silentConditions } from './health.ts';

/** Upstream's --node-monitor-period. */
const MONITOR_MS = 5000;
const LEASES = 'kube-node-lease';

/**
 * Watches over nodes: one whose lease and status stand still for too long becomes Unknown, conditions become taints,
 * and pods of a node that is not ready are not ready. Source: Kubernetes documentation, "Nodes", "Taints".
 */
export const nodeLifecycleController = defineController('node-lifecycle-controller', {
  identity: 'node-controller',
  setup({ informers, watch, clock, events }) {
    const nodes = informers.of(node);
    const pods = informers.of(pod);
    const leases = informers.of(lease);
    const byNode = pods.index('node', ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    const sightings = new Map<string, Sighting>();
    watch(nodes, ({ metadata }) => [metadata.name ?? '']);
    return {
      async reconcile(name, { client }) {
        const object = nodes.get(name);
        if (!object) {
          sightings.delete(name);
          return done;
        }
        const now = clock.now();
        const sighting = sight(sightings.get(name), object, leases.get(name, LEASES)?.spec.renewTime, now);
        sightings.set(name, sighting);
        let current = object;
        const conditions = silentConditions(object, sighting, now);
        if (conditions) {
          const status = { ...object.status, conditions };
          current = await client.updateStatus(node, { ...object, status });
        }
        const taints = plannedTaints(current, now);
        if (taints) {
          const patch = { metadata: { resourceVersion: current.metadata.resourceVersion }, spec: { taints } };
          current = await client.patch(node, { name, type: 'merge', body: patch });
        }
        if (readiness(current) !== 'True') {
          if (readiness(object) === 'True') {
            const message = `Node ${name} status is now: NodeNotReady`;
            events.record(object, { type: 'Normal', reason: 'NodeNotReady', message });
          }
          for (const own of byNode.get(name)) await markNotReady(own, client, now);
        }
        return after(Math.min(MONITOR_MS, GRACE_MS));
      },
    };
  },
});

/** So that services stop sending to it; the node agent sets it right when it is back. */
async function markNotReady(object: Pod, client: Client, now: number): Promise<void> {
  const ready = podCondition(object, 'Ready');
  if (ready?.status !== 'True') return;
  const { name = '', namespace, uid } = object.metadata;
  const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(now) };
  const patch = { metadata: { uid }, status: { conditions: [condition] } };
  try {
    await client.patch(pod, { name, namespace, type: 'strategic', body: patch }, { subresource: 'status' });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
