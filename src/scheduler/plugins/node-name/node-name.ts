import { type Plugin, unresolvable } from '../../framework.ts';

/** A pod that names a node goes nowhere else. */
export const nodeName: Plugin = {
  name: 'NodeName',
  filter(pod, node) {
    if (!pod.spec.nodeName || pod.spec.nodeName === node.name) return undefined;
    return unresolvable("node(s) didn't match the requested node name");
  },
  hints: [{ resource: 'Node', actions: ['Add'] }],
};
