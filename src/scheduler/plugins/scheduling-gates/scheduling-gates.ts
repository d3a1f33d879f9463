import { type Plugin, unresolvable } from '../../framework.ts';

/** A pod with gates waits outside the queue until others have taken them all away. Source: KEP-3521. */
export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue(pod) {
    const gates = pod.spec.schedulingGates ?? [];
    if (gates.length === 0) return undefined;
    return unresolvable(`waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]`);
  },
};
