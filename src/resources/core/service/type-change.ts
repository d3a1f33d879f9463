import { semanticEqual } from '#machinery/equality.ts';
import type { Draft } from '#machinery/object.ts';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import { isExternallyAccessible } from './defaults.ts';

type Spec = ServiceSpec | Draft<ServiceSpec>;

function hasClusterIp({ type }: Spec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';
}

/** Ports that a load balancer once got stay when it is told to get no more: the client takes them away itself. */
function mayHaveNodePorts({ type }: Spec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

function hasNodePorts(spec: Spec): boolean {
  return mayHaveNodePorts(spec) && (spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false);
}

export function needsHealthCheckPort({ type, externalTrafficPolicy }: Spec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

/**
 * `clusterIP` is the first of `clusterIPs`. A client that knows only the older field changes both with it; one that
 * changes both is taken at its word.
 */
export function alignClusterIps({ spec }: Draft<Service>, old: Service | undefined): void {
  const ips = spec.clusterIPs ?? [];
  if (!old) {
    if (spec.clusterIP && ips.length === 0) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const before = old.spec.clusterIPs ?? [];
  const unchanged = semanticEqual(ips, before);
  if (old.spec.clusterIP && !spec.clusterIP) {
    if (unchanged) delete spec.clusterIPs;
  } else if (spec.clusterIP !== old.spec.clusterIP) {
    if (spec.clusterIP && (unchanged || ips.length === 0)) spec.clusterIPs = [spec.clusterIP, ...ips.slice(1)];
  } else if (before.length > 0 && ips.length === 0) {
    delete spec.clusterIP;
  }
}

/** An update that leaves out what the server once allocated keeps it. */
export function keepAllocated({ spec }: Draft<Service>, { spec: old }: Service): void {
  if (hasClusterIp(old) && hasClusterIp(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && old.clusterIPs) spec.clusterIPs = [...old.clusterIPs];
  }
  if (hasNodePorts(old) && hasNodePorts(spec)) {
    // by name: the client may have changed anything else of a port
    const had = new Map((old.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
    const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
    for (const port of spec.ports ?? []) {
      const before = had.get(port.name ?? '');
      if (!port.nodePort && before && !used.has(before)) port.nodePort = before;
    }
  }
  if (needsHealthCheckPort(old) && needsHealthCheckPort(spec) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort;
  }
}

/** Fields that the old type had and the new one has not go, unless the client changed them itself. */
export function dropTypeDependentFields({ spec, status }: Draft<Service>, { spec: old }: Service): void {
  const same = (field: keyof ServiceSpec) => semanticEqual(spec[field] ?? null, old[field] ?? null);
  if (hasClusterIp(old) && !hasClusterIp(spec)) {
    if (same('clusterIP') && same('clusterIPs')) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (same('ipFamilies')) delete spec.ipFamilies;
    if (same('ipFamilyPolicy')) delete spec.ipFamilyPolicy;
  }
  if (mayHaveNodePorts(old) && !mayHaveNodePorts(spec) && sameNodePorts(spec, old)) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec) && same('healthCheckNodePort')) {
    delete spec.healthCheckNodePort;
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (same('allocateLoadBalancerNodePorts')) delete spec.allocateLoadBalancerNodePorts;
    if (same('loadBalancerClass')) delete spec.loadBalancerClass;
    if (status?.loadBalancer) status.loadBalancer = {};
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && same('externalTrafficPolicy')) {
    delete spec.externalTrafficPolicy;
  }
  if (hasClusterIp(old) && !hasClusterIp(spec) && same('internalTrafficPolicy')) delete spec.internalTrafficPolicy;
}

function sameNodePorts(spec: Spec, old: Spec): boolean {
  const ports = (of: Spec) => (of.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return ports(spec).every((port) => port === 0 || ports(old).includes(port));
}
