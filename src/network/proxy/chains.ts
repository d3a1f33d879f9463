import type { Backend, ServicePortPlan } from './service-port.ts';

/** Marks packets whose source must become this node's, so that the answer comes back through it. */
export const MASQUERADE_MARK = '0x4000';

/** One entry of a verdict map. */
export interface MapElement {
  readonly map: 'service-ips' | 'node-ports';
  readonly key: string;
  readonly chain: string;
}

/** What one service port puts into the table: chains by name, affinity sets by name, map entries. */
export interface PortRules {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Set name -> seconds that an entry lives. */
  readonly affinitySets: ReadonlyMap<string, number>;
  readonly elements: readonly MapElement[];
  /** Addresses of backends: a pod that reaches itself through its service needs another source address. */
  readonly backendIps: readonly string[];
}

/** The nftables rules of one service port. Pure. `podCidr`: sources inside it keep their address. */
export function renderPort(plan: ServicePortPlan, podCidr: string): PortRules {
  const chains = new Map<string, readonly string[]>();
  const affinitySets = new Map<string, number>();
  const internal = plan.internalLocal ? plan.backends.filter((backend) => backend.local) : plan.backends;
  const service = `service/${plan.id}`;
  if (internal.length > 0) {
    chains.set(service, [masqueradeOutside(podCidr), ...balance(plan, internal, chains, affinitySets)]);
  }
  const elements: MapElement[] = [];
  if (internal.length > 0) {
    for (const ip of plan.clusterIps) {
      elements.push({ map: 'service-ips', key: `${ip} . ${plan.protocol} . ${plan.port}`, chain: service });
    }
  }
  const outside = externalElements(plan, `external/${plan.id}`);
  if (outside.length > 0 && plan.backends.length > 0) {
    chains.set(`external/${plan.id}`, externalRules(plan, podCidr, chains, affinitySets));
    elements.push(...outside);
  }
  return { chains, affinitySets, elements, backendIps: plan.backends.map((backend) => backend.ip) };
}

function externalElements(plan: ServicePortPlan, chain: string): readonly MapElement[] {
  const elements: MapElement[] = plan.externalIps.map((ip) => ({
    map: 'service-ips',
    key: `${ip} . ${plan.protocol} . ${plan.port}`,
    chain,
  }));
  if (plan.nodePort) elements.push({ map: 'node-ports', key: `${plan.protocol} . ${plan.nodePort}`, chain });
  return elements;
}

function masqueradeOutside(podCidr: string): string {
  return `ip saddr != ${podCidr} meta mark set meta mark | ${MASQUERADE_MARK}`;
}

/**
 * Traffic from outside. With externalTrafficPolicy Local the client's address is kept and only backends of this node
 * are used; pods and the node itself still reach every backend. Source: core/v1 Service.
 */
function externalRules(
  plan: ServicePortPlan,
  podCidr: string,
  chains: Map<string, readonly string[]>,
  affinitySets: Map<string, number>,
): readonly string[] {
  if (!plan.externalLocal) {
    const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
    return [mark, ...balance(plan, plan.backends, chains, affinitySets)];
  }
  const all = `cluster/${plan.id}`;
  chains.set(all, [masqueradeOutside(podCidr), ...balance(plan, plan.backends, chains, affinitySets)]);
  const local = plan.backends.filter((backend) => backend.local);
  return [
    `ip saddr ${podCidr} goto ${all}`,
    `fib saddr type local goto ${all}`,
    ...(local.length > 0 ? balance(plan, local, chains, affinitySets) : ['drop']),
  ];
}

/** Rules that send a packet to one of the backends, evenly, or to the client's former one under affinity. */
function balance(
  plan: ServicePortPlan,
  backends: readonly Backend[],
  chains: Map<string, readonly string[]>,
  affinitySets: Map<string, number>,
): readonly string[] {
  const count = backends.length;
  if (plan.affinitySeconds === undefined) {
    const targets = backends.map((backend, index) => `${index} : ${backend.ip} . ${backend.port}`).join(', ');
    return [`meta l4proto ${plan.protocol} dnat ip to numgen random mod ${count} map { ${targets} }`];
  }
  const seconds = plan.affinitySeconds;
  const endpoints = backends.map((backend) => {
    const name = `endpoint/${plan.id}/${backend.ip}/${backend.port}`;
    const set = `affinity/${plan.id}/${backend.ip}/${backend.port}`;
    affinitySets.set(set, seconds);
    const target = `meta l4proto ${plan.protocol} dnat ip to ${backend.ip}:${backend.port}`;
    chains.set(name, [`update @${set} { ip saddr }`, target]);
    return { name, set };
  });
  return [
    ...endpoints.map(({ name, set }) => `ip saddr @${set} goto ${name}`),
    `numgen random mod ${count} vmap { ${endpoints.map(({ name }, index) => `${index} : goto ${name}`).join(', ')} }`,
  ];
}
