import type { Plugin } from '../../framework.ts';
import { showReasons } from '../../messages.ts';

/**
 * Says whether removing pods of lower priority could help. No pods are removed by this version, so a node that has such
 * pods counts as one without victims (docs/divergences.md).
 */
export const defaultPreemption: Plugin = {
  name: 'DefaultPreemption',
  postFilter(pod, { nodes, nodeCount, preFilter }) {
    if (pod.spec.preemptionPolicy === 'Never') return 'preemption: not eligible due to preemptionPolicy=Never.';
    const reasons = [...nodes.values()].map(({ code }) => (code === 'unschedulable' ? NO_VICTIMS : NOT_HELPFUL));
    const outcome = preFilter ? Array.from({ length: nodeCount }, () => NOT_HELPFUL) : reasons;
    return `preemption: 0/${nodeCount} nodes are available: ${showReasons(outcome)}.`;
  },
};

const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
