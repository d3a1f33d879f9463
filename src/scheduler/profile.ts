import type { Client } from '#client/client.ts';
import type { Plugin } from './framework.ts';
import { defaultBinder } from './plugins/default-binder/default-binder.ts';
import { defaultPreemption } from './plugins/default-preemption/default-preemption.ts';
import { dynamicResources } from './plugins/dynamic-resources/dynamic-resources.ts';
import { imageLocality } from './plugins/image-locality/image-locality.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity/inter-pod-affinity.ts';
import { nodeAffinity } from './plugins/node-affinity/node-affinity.ts';
import { nodeName } from './plugins/node-name/node-name.ts';
import { nodePorts } from './plugins/node-ports/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './plugins/node-resources/balanced-allocation.ts';
import { nodeResourcesFit } from './plugins/node-resources/fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable/node-unschedulable.ts';
import { podTopologySpread } from './plugins/pod-topology-spread/pod-topology-spread.ts';
import { prioritySort } from './plugins/priority-sort/priority-sort.ts';
import { schedulingGates } from './plugins/scheduling-gates/scheduling-gates.ts';
import { taintToleration } from './plugins/taint-toleration/taint-toleration.ts';

export const DEFAULT_SCHEDULER = 'default-scheduler';

/** The default profile: order is the order of upstream's, in which the first to reject a node gives the reason. */
export function defaultPlugins(client: Client): readonly Plugin[] {
  const plugins = [
    schedulingGates,
    prioritySort,
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    podTopologySpread,
    interPodAffinity,
    dynamicResources,
    defaultPreemption,
    nodeResourcesBalancedAllocation,
    imageLocality,
    defaultBinder(client),
  ];
  // Each plug-in is only ever given back the state that it returned itself.
  return plugins as unknown as readonly Plugin[];
}
