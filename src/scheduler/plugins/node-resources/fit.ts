import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { amountsOf, type PodRequests, podRequests } from '../../amounts.ts';
import { go, type Plugin } from '../../framework.ts';
import type { NodeInfo } from '../../node-info.ts';

/** A pod goes only where what it requests is free; nodes with more free resources are preferred (LeastAllocated). */
export const nodeResourcesFit: Plugin<PodRequests, PodRequests> = {
  name: 'NodeResourcesFit',
  weight: 1,
  preFilter: (pod) => go(podRequests(pod)),
  filter(_, node, { requests }) {
    const reasons: string[] = [];
    let hopeless = false;
    const { pods: maxPods = 0 } = node.allocatable;
    if (node.podCount + 1 > maxPods) reasons.push('Too many pods');
    for (const [resource, amount] of Object.entries(requests)) {
      const allocatable = node.allocatable[resource] ?? 0;
      if (amount === 0 || amount <= allocatable - node.requested(resource)) continue;
      reasons.push(`Insufficient ${resource}`);
      hopeless ||= amount > allocatable;
    }
    if (reasons.length === 0) return undefined;
    return { code: hopeless ? 'unresolvable' : 'unschedulable', reasons };
  },
  preScore: (pod) => go(podRequests(pod)),
  score: (_, node, { nonZero }) => (free(node, 'cpu', nonZero.cpu) + free(node, 'memory', nonZero.memory)) / 2,
  hints: [
    { resource: 'AssignedPod', actions: ['Delete'] },
    {
      resource: 'AssignedPod',
      actions: ['Update'],
      helps: (_, { old, object }) => isScaledDown(old as Pod, object as Pod),
    },
    { resource: 'Pod', actions: ['Update'] },
    { resource: 'Node', actions: ['Add', 'Update'], helps: (pod, { object }) => couldHold(pod, object as Node) },
  ],
};

/** Percentage of a resource that is left with the pod on the node. */
function free(node: NodeInfo, resource: 'cpu' | 'memory', request: number): number {
  const allocatable = node.allocatable[resource] ?? 0;
  const used = node.nonZeroRequested[resource] + request;
  return allocatable === 0 || used > allocatable ? 0 : Math.floor(((allocatable - used) * 100) / allocatable);
}

function isScaledDown(old: Pod, object: Pod): boolean {
  const before = podRequests(old).requests;
  const now = podRequests(object).requests;
  return Object.entries(before).some(([resource, amount]) => amount > (now[resource] ?? 0));
}

function couldHold(pod: Pod, node: Node): boolean {
  const allocatable = amountsOf(node.status.allocatable);
  return Object.entries(podRequests(pod).requests).every(([name, amount]) => amount <= (allocatable[name] ?? 0));
}
