import type { Endpoint, EndpointSlice } from '#machinery/types/discovery-v1.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import { ipFamily } from '#machinery/validation/net.ts';

export interface Backend {
  readonly ip: string;
  readonly port: number;
  /** On this node: what a `Local` traffic policy may use. */
  readonly local: boolean;
}

/** One port of one service, with everything that decides where its packets go. */
export interface ServicePortPlan {
  /** `namespace/name/protocol/port`: names the chains. */
  readonly id: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** Addresses inside the cluster. */
  readonly clusterIps: readonly string[];
  /** Addresses outside: externalIPs and those of load balancers. */
  readonly externalIps: readonly string[];
  readonly nodePort: number | undefined;
  readonly backends: readonly Backend[];
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Seconds that a client stays with its backend; undefined: no affinity. */
  readonly affinitySeconds: number | undefined;
}

const DEFAULT_AFFINITY_SECONDS = 10_800;

/** What the service proxy needs to know of one Service. Pure. Source: core/v1 Service, KEP-1669 (terminating endpoints). */
export function planService(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly ServicePortPlan[] {
  const spec = service.spec;
  if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None') return [];
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP]).filter(isIpv4);
  const balancers = (service.status.loadBalancer.ingress ?? []).map((ingress) => ingress.ip ?? '');
  const externalIps = [...(spec.externalIPs ?? []), ...balancers].filter(isIpv4);
  return (spec.ports ?? []).flatMap((port) => {
    const protocol = protocolOf(port.protocol);
    if (!protocol) return [];
    return [
      {
        id: `${service.metadata.namespace}/${service.metadata.name}/${protocol}/${port.port}`,
        protocol,
        port: port.port,
        clusterIps,
        externalIps,
        nodePort: port.nodePort || undefined,
        backends: backendsOf(slices, port.name ?? '', nodeName),
        internalLocal: spec.internalTrafficPolicy === 'Local',
        externalLocal: spec.externalTrafficPolicy === 'Local',
        affinitySeconds:
          spec.sessionAffinity === 'ClientIP'
            ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
            : undefined,
      },
    ];
  });
}

/** Ready endpoints; where there are none, those that still serve while they end. */
function backendsOf(slices: readonly EndpointSlice[], portName: string, nodeName: string): readonly Backend[] {
  const ready = new Map<string, Backend>();
  const ending = new Map<string, Backend>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? '') === portName)?.port;
    if (!port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ip = endpoint.addresses?.[0];
      if (!ip || !isIpv4(ip)) continue;
      const backend = { ip, port, local: endpoint.nodeName === nodeName };
      if (isReady(endpoint)) ready.set(`${ip}:${port}`, backend);
      else if (endpoint.conditions.serving && endpoint.conditions.terminating) ending.set(`${ip}:${port}`, backend);
    }
  }
  const chosen = [...(ready.size > 0 ? ready : ending)].sort(([a], [b]) => (a < b ? -1 : 1));
  return chosen.map(([, backend]) => backend);
}

function isReady(endpoint: Endpoint): boolean {
  return endpoint.conditions.ready ?? true;
}

function protocolOf(protocol: string | undefined): ServicePortPlan['protocol'] | undefined {
  switch (protocol ?? 'TCP') {
    case 'TCP':
      return 'tcp';
    case 'UDP':
      return 'udp';
    case 'SCTP':
      return 'sctp';
    default:
      return undefined;
  }
}

function isIpv4(address: string): boolean {
  return ipFamily(address) === 4;
}
