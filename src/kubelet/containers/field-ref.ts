import { parseQuantity, type Quantity, quantityOf } from '#machinery/quantity.ts';
import type { Container, Pod, ResourceFieldSelector } from '#machinery/types/core-v1.ts';
import { podLimits } from '../cgroups/kernel-limits.ts';

/** What a pod's own status may not have yet when its containers are made. */
export interface PodAddresses {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
}

/** The value of a `fieldRef`. Throws for a path that is not supported. Source: Downward API. */
export function fieldValue(pod: Pod, path: string, addresses: PodAddresses): string {
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(path);
  if (subscript) {
    const map = subscript[1] === 'metadata.labels' ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name ?? '';
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return showMap(pod.metadata.labels);
    case 'metadata.annotations':
      return showMap(pod.metadata.annotations);
    case 'spec.nodeName':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return addresses.hostIps[0] ?? '';
    case 'status.hostIPs':
      return addresses.hostIps.join(',');
    case 'status.podIP':
      return addresses.podIps[0] ?? '';
    case 'status.podIPs':
      return addresses.podIps.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** One `key="value"` a line, sorted, with the value quoted as Go does. */
function showMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${JSON.stringify(map?.[key] ?? '')}`)
    .join('\n');
}

/** The value of a `resourceFieldRef`: a whole number of divisors, rounded up; the node's share where no limit is set. */
export function resourceFieldValue(
  pod: Pod,
  container: Pick<Container, 'resources'>,
  selector: ResourceFieldSelector,
  allocatable: Readonly<Record<string, string>>,
): string {
  const [side, ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  if (side !== 'limits' && side !== 'requests')
    throw new Error(`unsupported container resource : ${selector.resource}`);
  const read = (text: string | undefined) => (text === undefined ? undefined : parseQuantity(text));
  const own = read(container.resources?.[side]?.[resource]);
  const fallback =
    side === 'limits'
      ? (podLevelLimit(pod, resource) ?? read(allocatable[resource]))
      : read(container.resources?.limits?.[resource]);
  const value = own ?? fallback ?? quantityOf(0);
  const divisor = read(selector.divisor)?.nanos || quantityOf(1).nanos;
  return String((value.nanos + divisor - 1n) / divisor);
}

function podLevelLimit(pod: Pod, resource: string): Quantity | undefined {
  return pod.spec.resources?.limits ? podLimits(pod).get(resource) : undefined;
}
