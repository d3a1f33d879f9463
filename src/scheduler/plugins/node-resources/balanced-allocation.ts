import { type PodRequests, podRequests } from '../../amounts.ts';
import { go, type Plugin, SKIP } from '../../framework.ts';
import type { NodeInfo } from '../../node-info.ts';

/** Prefers nodes whose cpu and memory would be used to the same degree. */
export const nodeResourcesBalancedAllocation: Plugin<unknown, PodRequests> = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  preScore(pod) {
    const requests = podRequests(pod);
    const { cpu = 0, memory = 0 } = requests.requests;
    return cpu + memory > 0 ? go(requests) : SKIP;
  },
  score(_, node, { requests }) {
    const cpu = fraction(node, 'cpu', requests.cpu ?? 0);
    const memory = fraction(node, 'memory', requests.memory ?? 0);
    return Math.floor((1 - Math.abs(cpu - memory) / 2) * 100);
  },
};

function fraction(node: NodeInfo, resource: 'cpu' | 'memory', request: number): number {
  const allocatable = node.allocatable[resource] ?? 0;
  return allocatable === 0 ? 1 : Math.min(1, (node.requested(resource) + request) / allocatable);
}
