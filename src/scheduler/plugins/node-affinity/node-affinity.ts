import type { Node, PreferredSchedulingTerm } from '#machinery/types/core-v1.ts';
import { go, type Plugin, SKIP, unresolvable } from '../../framework.ts';
import { normalizeScores } from '../normalize.ts';
import { matchesTerm, meetsNodeAffinity, namedNodes } from './node-selector.ts';

/** nodeSelector and node affinity. Source: core/v1 API, NodeAffinity. */
export const nodeAffinity: Plugin<undefined, readonly PreferredSchedulingTerm[]> = {
  name: 'NodeAffinity',
  weight: 2,
  preFilter(pod) {
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (!required && !pod.spec.nodeSelector) return SKIP;
    const nodes = namedNodes(pod);
    return { type: 'go', state: undefined, ...(nodes ? { nodes } : {}) };
  },
  filter(pod, { node }) {
    if (node && meetsNodeAffinity(pod, node)) return undefined;
    return unresolvable("node(s) didn't match Pod's node affinity/selector");
  },
  preScore(pod) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.length > 0 ? go(preferred) : SKIP;
  },
  score(_, { node }, preferred) {
    let sum = 0;
    // A term without requirements matches every node here.
    for (const { preference, weight } of preferred) if (node && prefers(preference, node)) sum += weight;
    return sum;
  },
  normalize: (scores) => normalizeScores(scores),
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'Update'],
      helps: (pod, { object }) => meetsNodeAffinity(pod, object as Node),
    },
    { resource: 'Pod', actions: ['Update'] },
  ],
};

function prefers(preference: PreferredSchedulingTerm['preference'], node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = preference;
  return matchExpressions.length + matchFields.length === 0 || matchesTerm(preference, node);
}
