import { isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import { after, defineController, done } from '#reconciler/controller.ts';
import { keyOf, splitKey } from '#reconciler/owners.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { evictionTime } from './eviction.ts';

/** Deletes pods from nodes with NoExecute taints that they do not tolerate (for longer). Source: KEP-3902. */
export const taintEvictionController = defineController('taint-eviction-controller', {
  identity: 'node-controller',
  setup({ informers, watch, watchChanges, clock, events }) {
    const nodes = informers.of(node);
    const pods = informers.of(pod);
    const byNode = pods.index('node', ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    watchChanges(nodes, (change) => {
      const before = change.type === 'updated' ? change.old.spec.taints : undefined;
      if (JSON.stringify(before ?? []) === JSON.stringify(change.object.spec.taints ?? [])) return [];
      return byNode.get(change.object.metadata.name ?? '').map(keyOf);
    });
    watch(pods, (object) => {
      const taints = nodes.get(object.spec.nodeName ?? '')?.spec.taints ?? [];
      return taints.some(({ effect }) => effect === 'NoExecute') ? [keyOf(object)] : [];
    });
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const object = pods.get(name, namespace);
        const taints = nodes.get(object?.spec.nodeName ?? '')?.spec.taints ?? [];
        if (!object || object.metadata.deletionTimestamp !== undefined) return done;
        const now = clock.now();
        const at = evictionTime(object, taints, now);
        if (at === 'never') return done;
        if (at > now) return after(at - now);
        const message = `Marking for deletion Pod ${key}`;
        events.record(object, { type: 'Normal', reason: 'TaintManagerEviction', message });
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByTaintManager',
          message: 'Taint manager: deleting due to NoExecute taint',
          lastTransitionTime: formatTime(now),
        };
        const { uid } = object.metadata;
        try {
          const patch = { metadata: { uid }, status: { conditions: [condition] } };
          await client.patch(pod, { name, namespace, type: 'strategic', body: patch }, { subresource: 'status' });
          await client.delete(pod, name, namespace, uid ? { uid } : {});
        } catch (error) {
          if (!isStatus(error, 'NotFound')) throw error;
        }
        return done;
      },
    };
  },
});
