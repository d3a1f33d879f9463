import type { Node, Toleration } from '#machinery/types/core-v1.ts';
import { go, type Plugin, unresolvable } from '../../framework.ts';
import { normalizeScores } from '../normalize.ts';
import { isTolerated } from '../tolerations.ts';

/** Taints keep pods away, or make nodes less wanted (PreferNoSchedule). Source: KEP-166. */
export const taintToleration: Plugin<unknown, readonly Toleration[]> = {
  name: 'TaintToleration',
  weight: 3,
  filter(pod, { node }) {
    const repels = (node?.spec.taints ?? []).some(
      (taint) =>
        (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !isTolerated(taint, pod.spec.tolerations),
    );
    return repels ? unresolvable('node(s) had untolerated taint(s)') : undefined;
  },
  preScore: (pod) => go((pod.spec.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule')),
  score: (_, { node }, tolerations) =>
    (node?.spec.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations))
      .length,
  normalize: (scores) => normalizeScores(scores, true),
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'Update'],
      helps: (pod, { old, object }) =>
        JSON.stringify((old as Node | undefined)?.spec.taints) !== JSON.stringify((object as Node).spec.taints) ||
        old === undefined ||
        ((object as Node).spec.taints ?? []).every((taint) => isTolerated(taint, pod.spec.tolerations)),
    },
    { resource: 'Pod', actions: ['Update'] },
  ],
};
