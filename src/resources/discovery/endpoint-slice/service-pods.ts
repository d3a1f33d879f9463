import { isIPv6 } from 'node:net';
import type { Pod, Service, ServicePort } from '#machinery/types/core-v1.ts';
import type { EndpointPort } from '#machinery/types/discovery-v1.ts';
import { isPodFinished } from '#reconciler/pods.ts';

export type AddressFamily = 'IPv4' | 'IPv6';

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None';
}

/** The families of a service, its own order; a service without any is of the family of its address. */
export function familiesOf({ spec }: Service): readonly AddressFamily[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  if (families.length > 0) return families;
  return [isIPv6(spec.clusterIP ?? '') ? 'IPv6' : 'IPv4'];
}

/** The pod's addresses of a family. */
export function addressesOf({ status }: Pod, family: AddressFamily): readonly string[] {
  const ips = status.podIPs?.map(({ ip }) => ip) ?? (status.podIP ? [status.podIP] : []);
  return ips.filter((ip) => isIPv6(ip) === (family === 'IPv6'));
}

/** Whether a pod can be behind a service at all. */
export function canServe(pod: Pod): boolean {
  return !isPodFinished(pod) && Boolean(pod.status.podIP);
}

/** The name that DNS gives the pod under the service. */
export function hostnameIn({ metadata }: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec;
  return hostname && subdomain === metadata.name && pod.metadata.namespace === metadata.namespace
    ? hostname
    : undefined;
}

/** Where a service's ports lead to on a pod; one whose named target the pod does not have is left out. */
export function portsOn(service: Service, pod: Pod): readonly EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function targetPort({ targetPort: target, protocol = 'TCP' }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof target === 'number') return target;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...(spec.containers ?? []), ...sidecars]) {
    const named = ports.find((port) => port.name === target && (port.protocol ?? 'TCP') === protocol);
    if (named) return named.containerPort;
  }
  return undefined;
}
