import type { Node, Taint } from '#machinery/types/core-v1.ts';
import { type Plugin, unresolvable } from '../../framework.ts';
import { isTolerated } from '../tolerations.ts';

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Cordoned nodes take only pods that tolerate it. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter(pod, { node }) {
    if (!node?.spec.unschedulable || isTolerated(UNSCHEDULABLE, pod.spec.tolerations)) return undefined;
    return unresolvable('node(s) were unschedulable');
  },
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'Update'],
      helps: (_, { old, object }) =>
        !(object as Node).spec.unschedulable && (old === undefined || (old as Node).spec.unschedulable === true),
    },
    { resource: 'Pod', actions: ['Update'] },
  ],
};
