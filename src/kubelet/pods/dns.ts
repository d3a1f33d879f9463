import { readFile } from 'node:fs/promises';
import type { Pod } from '#machinery/types/core-v1.ts';

export interface ResolverConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Upstream's limits of a resolver: servers, search domains, and their length together. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

/** Reads the node's own resolv.conf. */
export async function hostResolver(file = '/etc/resolv.conf'): Promise<ResolverConfig> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.split(/[#;]/)[0]?.trim().split(/\s+/) ?? [];
    if (keyword === 'nameserver' && values[0]) servers.push(values[0]);
    else if (keyword === 'search') searches = values.map((domain) => domain.replace(/(.)\.$/, '$1'));
    else if (keyword === 'options') options = values;
  }
  return { servers, searches, options };
}

/** What a pod's resolver is told. Source: "DNS for Services and Pods", dnsPolicy and dnsConfig. */
export function podResolver(
  pod: Pod,
  host: ResolverConfig,
  cluster: { readonly dns: readonly string[]; readonly domain: string },
): ResolverConfig {
  const base = basicResolver(pod, host, cluster);
  const extra = pod.spec.dnsConfig;
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? '', option]));
  for (const { name = '', value } of extra?.options ?? [])
    options.set(name, value === undefined ? name : `${name}:${value}`);
  const searches: string[] = [];
  let characters = 0;
  for (const domain of new Set([...base.searches, ...(extra?.searches ?? [])])) {
    characters += domain.length + 1;
    if (searches.length === MAX_SEARCHES || characters > MAX_SEARCH_CHARACTERS) break;
    searches.push(domain);
  }
  return {
    servers: [...new Set([...base.servers, ...(extra?.nameservers ?? [])])].slice(0, MAX_SERVERS),
    searches,
    options: [...options.values()],
  };
}

function basicResolver(
  pod: Pod,
  host: ResolverConfig,
  { dns, domain }: { readonly dns: readonly string[]; readonly domain: string },
): ResolverConfig {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const usesCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !pod.spec.hostNetwork);
  if (!usesCluster || dns.length === 0) return host;
  const searches = domain ? [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
  return { servers: dns, searches: [...searches, ...host.searches], options: ['ndots:5'] };
}

const MAX_HOSTNAME = 63;

/** Name and domain of a pod. Source: "Pod's hostname and subdomain fields". */
export function podHostname(pod: Pod, clusterDomain: string): { readonly hostname: string; readonly domain: string } {
  if (pod.spec.hostnameOverride) return { hostname: pod.spec.hostnameOverride, domain: '' };
  const hostname = (pod.spec.hostname || (pod.metadata.name ?? '')).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '');
  const domain = pod.spec.subdomain ? `${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : '';
  return { hostname, domain };
}

/** The pod's /etc/hosts. `hostFile` is the node's own, for pods in its network. */
export function hostsFile(
  pod: Pod,
  ips: readonly string[],
  name: { readonly hostname: string; readonly domain: string },
  hostFile: string,
): string {
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`);
  const added = aliases.length > 0 ? `\n# Entries added by HostAliases.\n${aliases.join('')}` : '';
  if (pod.spec.hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${hostFile}${added}`;
  const own = ips.map((ip) =>
    name.domain ? `${ip}\t${name.hostname}.${name.domain}\t${name.hostname}\n` : `${ip}\t${name.hostname}\n`,
  );
  return [
    '# Kubernetes-managed hosts file.\n',
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...own,
    added,
  ].join('');
}
