import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '#machinery/types/core-v1.ts';
import { isPodReady } from '#reconciler/pods.ts';
import {
  addressesOf,
  canServe,
  familiesOf,
  hostnameIn,
  isHeadless,
  portsOn,
} from '../../discovery/endpoint-slice/service-pods.ts';

/** Endpoints objects show at most this many addresses. */
export const MAX_ADDRESSES = 1000;

/** The subsets that show a service's pods: those of the same ports together, everything sorted. Pure. */
export function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const tolerates = service.spec.publishNotReadyAddresses === true;
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const address = addressOf(service, pod);
    if (!address || (pod.metadata.deletionTimestamp !== undefined && !tolerates)) continue;
    const ports = portsOn(service, pod).map(asCorePort);
    if (ports.length === 0 && !isHeadless(service)) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    (tolerates || isPodReady(pod) ? group.ready : group.notReady).push(address);
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subset(group));
}

interface Group {
  readonly ports: readonly EndpointPort[];
  readonly ready: EndpointAddress[];
  readonly notReady: EndpointAddress[];
}

function subset({ ports, ready, notReady }: Group): EndpointSubset {
  return {
    ...(ready.length > 0 ? { addresses: byIp(ready) } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: byIp(notReady) } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

function byIp(addresses: readonly EndpointAddress[]): readonly EndpointAddress[] {
  return addresses.toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
}

function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const [family = 'IPv4'] = familiesOf(service);
  const [ip] = addressesOf(pod, family);
  if (!canServe(pod) || !ip) return undefined;
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const hostname = hostnameIn(service, pod);
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function asCorePort({ name, port, protocol, appProtocol }: ReturnType<typeof portsOn>[number]): EndpointPort {
  return {
    ...(name ? { name } : {}),
    port: port ?? 0,
    protocol: protocol ?? 'TCP',
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
}

/** Cut to the limit: ready addresses are kept first. */
export function truncated(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  let room = MAX_ADDRESSES;
  const take = (addresses: readonly EndpointAddress[] | undefined) => {
    const taken = addresses?.slice(0, room);
    room -= taken?.length ?? 0;
    return taken;
  };
  const ready = subsets.map(({ addresses }) => take(addresses));
  return subsets.map(({ ports, notReadyAddresses }, index) => {
    const addresses = ready[index];
    const notReady = take(notReadyAddresses);
    return {
      ...(addresses?.length ? { addresses } : {}),
      ...(notReady?.length ? { notReadyAddresses: notReady } : {}),
      ...(ports ? { ports } : {}),
    };
  });
}

export function countAddresses(subsets: readonly EndpointSubset[]): number {
  return subsets.reduce((sum, one) => sum + (one.addresses?.length ?? 0) + (one.notReadyAddresses?.length ?? 0), 0);
}
