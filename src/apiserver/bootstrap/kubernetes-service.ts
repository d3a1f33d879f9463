import ipaddr from 'ipaddr.js';
import type { Sparse } from '#machinery/object.ts';
import type { Endpoints, Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';

/** How pods reach the API server: the Service `kubernetes` in `default`, and the endpoints that the server keeps. */

const NAMESPACE = 'default';
const NAME = 'kubernetes';
const PORT_NAME = 'https';

/** The first address of a service range, which the `kubernetes` Service has: `10.43.0.0/16` gives `10.43.0.1`. */
export function firstServiceAddress(cidr: string): string {
  const [network, bits] = ipaddr.parseCIDR(cidr);
  const bytes = network.toByteArray();
  const host = bytes.map((byte, at) => byte & netmaskByte(bits, at));
  const last = host.length - 1;
  host[last] = (host[last] ?? 0) | 1;
  return addressOf(host);
}

function netmaskByte(bits: number, at: number): number {
  const here = Math.min(8, Math.max(0, bits - at * 8));
  return (0xff << (8 - here)) & 0xff;
}

function addressOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[at * 2] ?? 0) * 256 + (bytes[at * 2 + 1] ?? 0)).toString(16),
  );
  return ipaddr.parse(groups.join(':')).toString();
}

export function kubernetesService(address: string, port: number): Sparse<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: [ipaddr.parse(address).kind() === 'ipv6' ? 'IPv6' : 'IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: PORT_NAME, protocol: 'TCP', port: 443, targetPort: port }],
    },
  };
}

export function kubernetesEndpoints(addresses: readonly string[], port: number): Sparse<Endpoints> {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: [
      {
        addresses: [...addresses].sort().map((ip) => ({ ip })),
        ports: [{ name: PORT_NAME, port, protocol: 'TCP' }],
      },
    ],
  };
}

export function kubernetesEndpointSlice(addresses: readonly string[], port: number): Sparse<EndpointSlice> {
  const [first = ''] = addresses;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': NAME } },
    addressType: ipaddr.parse(first).kind() === 'ipv6' ? 'IPv6' : 'IPv4',
    endpoints: [...addresses].sort().map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: PORT_NAME, port, protocol: 'TCP' }],
  };
}
