import type { Draft } from '#machinery/object.ts';
import type { Node } from '#machinery/types/core-v1.ts';
import type { AdmissionPlugin } from './admission.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node takes no pods until the node controller has seen it ready. Source: "Taint nodes by condition". */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit(request) {
    const isNode = request.group === '' && request.resource === 'nodes' && !request.subresource;
    if (!isNode || request.operation !== 'CREATE' || !request.object) return;
    const node = request.object as Draft<Node>;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] };
  },
};
