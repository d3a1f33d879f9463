import { go, type Plugin, SKIP, unschedulable } from '../../framework.ts';
import { type HostPort, hostPorts } from '../../node-info.ts';

const ANY = '0.0.0.0';

/** Two pods cannot have the same port of one node. */
export const nodePorts: Plugin<readonly HostPort[]> = {
  name: 'NodePorts',
  preFilter(pod) {
    const ports = hostPorts(pod);
    return ports.length > 0 ? go(ports) : SKIP;
  },
  filter(_, node, ports) {
    for (const other of node.podsWithHostPorts) {
      if (hostPorts(other).some((taken) => ports.some((port) => conflicts(port, taken)))) {
        return unschedulable("node(s) didn't have free ports for the requested pod ports");
      }
    }
    return undefined;
  },
  hints: [
    { resource: 'AssignedPod', actions: ['Delete'] },
    { resource: 'Node', actions: ['Add'] },
  ],
};

function conflicts(a: HostPort, b: HostPort): boolean {
  if (a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false;
  return a.hostIP === b.hostIP || a.hostIP === ANY || b.hostIP === ANY;
}
