import { addQuantities, milliValue, parseQuantity, type Quantity, wholeValue } from '#machinery/quantity.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { node as nodes } from '#resources/core/node/node.ts';
import { podAmounts } from '#resources/core/pod/pod-amounts.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { refusal, refusalWithCauses } from './refuse.ts';

const OS_LABEL = 'kubernetes.io/os';

/** Refuses to resize a pod beyond what its node could ever give, and on nodes that cannot resize. Source: KEP-1287. */
export function podResizeValidator(listers: Listers): AdmissionPlugin {
  const known = listers(nodes);
  return {
    name: 'PodResizeValidator',
    validate(request) {
      if (request.group !== '' || request.resource !== 'pods' || request.subresource !== 'resize') return;
      if (request.operation !== 'UPDATE') return;
      const pod = request.object as Pod | undefined;
      const { nodeName } = pod?.spec ?? {};
      if (!pod || !nodeName || pod.metadata.generation === request.oldObject?.metadata.generation) return;
      const node = known.get(nodeName);
      if (!node) throw refusal(request, `node ${JSON.stringify(nodeName)} not found`);
      requireRoom(request, pod, node);
      requireLinux(request, node);
    },
  };
}

function requireRoom(request: AdmissionRequest, pod: Pod, node: Node): void {
  const short = [...shortOf('cpu', pod, node, milliValue), ...shortOf('memory', pod, node, wholeValue)];
  if (short.length === 0) return;
  const why = `Node didn't have enough allocatable resources: ${short.join('; ')}`;
  throw refusalWithCauses(request, why, [{ reason: 'NodeCapacity' }]);
}

function shortOf(resource: string, pod: Pod, node: Node, shown: (amount: Quantity) => bigint): readonly string[] {
  const overhead = parseQuantity(pod.spec.overhead?.[resource] ?? '0');
  const requested = shown(
    addQuantities(podAmounts(pod.spec, 'requests').get(resource) ?? parseQuantity('0'), overhead),
  );
  const allocatable = shown(parseQuantity(node.status?.allocatable?.[resource] ?? '0'));
  return requested > allocatable ? [`${resource}, requested: ${requested}, allocatable: ${allocatable}`] : [];
}

function requireLinux(request: AdmissionRequest, { metadata }: Node): void {
  const os = metadata.labels?.[OS_LABEL] ?? '';
  if (os === 'linux') return;
  const why = `pod resize is only supported on linux nodes, node ${JSON.stringify(metadata.name)} is ${JSON.stringify(os)}`;
  throw refusalWithCauses(request, why, [{ reason: 'UnsupportedPlatform' }]);
}
