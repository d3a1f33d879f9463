import { MASQUERADE_MARK, type MapElement, type PortRules } from './chains.ts';

export interface TableOptions {
  /** Name of our nftables table, one a cluster. */
  readonly table: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
}

/** A host port of a pod: packets to the node's port go to the pod. */
export interface HostPort {
  /** Address of the node, or '' for every one. */
  readonly hostIp: string;
  readonly protocol: string;
  readonly hostPort: number;
  readonly podIp: string;
  readonly containerPort: number;
}

/** Everything that is in the table. */
export interface TableContent {
  readonly ports: ReadonlyMap<string, PortRules>;
  readonly hostPorts: readonly HostPort[];
}

/** The whole table in one transaction that replaces whatever was there, without a moment in between. */
export function replaceTable(options: TableOptions, content: TableContent): string {
  const table = `ip ${options.table}`;
  return [`add table ${table}`, `delete table ${table}`, base(options), changes(options, undefined, content)].join(
    '\n',
  );
}

/** Sets, maps and hooks that never change. */
function base({ table, podCidr, serviceCidr }: TableOptions): string {
  return `table ip ${table} {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  map host-ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map host-ip-ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    fib daddr type != local return
    ip daddr 127.0.0.0/8 return
    meta l4proto . th dport vmap @node-ports
    meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @host-ip-ports
    meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @host-ports
  }
  chain prerouting {
    type nat hook prerouting priority -100
    jump services
  }
  chain output {
    type nat hook output priority -100
    jump services
  }
  chain postrouting {
    type nat hook postrouting priority 100
    meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade
    ip saddr . ip daddr @hairpin masquerade
    ip saddr ${podCidr} ip daddr != ${podCidr} masquerade
  }
  chain unowned {
    ip daddr != ${serviceCidr} return
    fib daddr type local return
    meta l4proto tcp reject with tcp reset
    reject with icmp port-unreachable
  }
  chain forward {
    type filter hook forward priority 0
    jump unowned
  }
  chain filter-output {
    type filter hook output priority 0
    jump unowned
  }
}`;
}

/** The commands that turn `before` (undefined: a fresh table) into `after`. Empty where nothing changes. */
export function changes(options: TableOptions, before: TableContent | undefined, after: TableContent): string {
  const script = new Script(options.table);
  const old = before?.ports ?? new Map<string, PortRules>();
  const changed = [...after.ports].filter(([id, rules]) => old.get(id) !== rules);
  const gone = [...old].filter(([id]) => !after.ports.has(id));
  for (const [id, rules] of changed) script.addPort(rules, old.get(id));
  for (const [, rules] of gone) script.removeElements(rules.elements);
  for (const [id, rules] of changed) script.removeStale(old.get(id), rules);
  for (const [, rules] of gone) script.removeStale(rules, undefined);
  script.hairpin(backendIps(before, gone, changed, old), backendIps(after, gone, changed, after.ports));
  script.hostPorts(before?.hostPorts ?? [], after.hostPorts);
  return script.text();
}

/**
 * Those backend addresses of the content that the changed ports mention: no others can enter or leave the hairpin set.
 * Looks at all ports once, which is cheap beside the call of nft.
 */
function backendIps(
  content: TableContent | undefined,
  gone: readonly (readonly [string, PortRules])[],
  changed: readonly (readonly [string, PortRules])[],
  old: ReadonlyMap<string, PortRules>,
): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const [id, rules] of [...gone, ...changed]) {
    for (const ip of rules.backendIps) touched.add(ip);
    for (const ip of old.get(id)?.backendIps ?? []) touched.add(ip);
  }
  const present = new Set<string>();
  for (const rules of content?.ports.values() ?? []) {
    for (const ip of rules.backendIps) if (touched.has(ip)) present.add(ip);
  }
  return present;
}

/** Collects commands in an order in which every reference exists before it is used and is gone before its target is. */
class Script {
  readonly #lines: string[] = [];
  readonly #table: string;

  constructor(table: string) {
    this.#table = `ip ${table}`;
  }

  text(): string {
    return this.#lines.length > 0 ? `${this.#lines.join('\n')}\n` : '';
  }

  addPort(rules: PortRules, old: PortRules | undefined): void {
    for (const [set, seconds] of rules.affinitySets) {
      if (old?.affinitySets.get(set) === seconds) continue;
      const limits = `type ipv4_addr; flags dynamic, timeout; timeout ${seconds}s; size 65535;`;
      this.#lines.push(`add set ${this.#table} ${set} { ${limits} }`);
    }
    for (const chain of rules.chains.keys()) {
      this.#lines.push(`add chain ${this.#table} ${chain}`, `flush chain ${this.#table} ${chain}`);
    }
    for (const [chain, lines] of rules.chains) {
      for (const line of lines) this.#lines.push(`add rule ${this.#table} ${chain} ${line}`);
    }
    const stale = (old?.elements ?? []).filter((element) => !rules.elements.some((other) => same(element, other)));
    this.removeElements(stale);
    const fresh = rules.elements.filter((element) => !(old?.elements ?? []).some((other) => same(element, other)));
    for (const { map, key, chain } of fresh) {
      this.#lines.push(`add element ${this.#table} ${map} { ${key} : goto ${chain} }`);
    }
  }

  removeElements(elements: readonly MapElement[]): void {
    for (const { map, key } of elements) this.#lines.push(`delete element ${this.#table} ${map} { ${key} }`);
  }

  /** Chains and sets of `old` that `rules` does not have. */
  removeStale(old: PortRules | undefined, rules: PortRules | undefined): void {
    const chains = [...(old?.chains.keys() ?? [])].filter((chain) => !rules?.chains.has(chain));
    for (const chain of chains) this.#lines.push(`flush chain ${this.#table} ${chain}`);
    for (const chain of chains) this.#lines.push(`delete chain ${this.#table} ${chain}`);
    for (const set of old?.affinitySets.keys() ?? []) {
      if (!rules?.affinitySets.has(set)) this.#lines.push(`delete set ${this.#table} ${set}`);
    }
  }

  hairpin(before: ReadonlySet<string>, after: ReadonlySet<string>): void {
    for (const ip of after) {
      if (!before.has(ip)) this.#lines.push(`add element ${this.#table} hairpin { ${ip} . ${ip} }`);
    }
    for (const ip of before) {
      if (!after.has(ip)) this.#lines.push(`delete element ${this.#table} hairpin { ${ip} . ${ip} }`);
    }
  }

  hostPorts(before: readonly HostPort[], after: readonly HostPort[]): void {
    const entry = (port: HostPort) => {
      const [map, prefix] = port.hostIp ? ['host-ip-ports', `${port.hostIp} . `] : ['host-ports', ''];
      const key = `${prefix}${port.protocol} . ${port.hostPort}`;
      return { map, key, value: `${port.podIp} . ${port.containerPort}` };
    };
    const old = new Map(before.map((port) => [JSON.stringify(entry(port)), entry(port)]));
    const fresh = new Map(after.map((port) => [JSON.stringify(entry(port)), entry(port)]));
    for (const [id, { map, key }] of old) {
      if (!fresh.has(id)) this.#lines.push(`delete element ${this.#table} ${map} { ${key} }`);
    }
    for (const [id, { map, key, value }] of fresh) {
      if (!old.has(id)) this.#lines.push(`add element ${this.#table} ${map} { ${key} : ${value} }`);
    }
  }
}

function same(a: MapElement, b: MapElement): boolean {
  return a.map === b.map && a.key === b.key && a.chain === b.chain;
}
