import type { Service } from '#machinery/types/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { ipFamily } from '#machinery/validation/net.ts';
import { type Answer, type DnsRecord, recordTypes, responseCodes } from './message.ts';

/** What the zone is answered from: reads of the newest state. */
export interface ZoneSource {
  /** `cluster.local` unless chosen otherwise. */
  readonly domain: string;
  service(name: string, namespace: string): Service | undefined;
  slices(name: string, namespace: string): readonly EndpointSlice[];
  /** Services whose cluster IP is the address. */
  servicesAt(ip: string): readonly Service[];
  /** Slices that hold the address. */
  slicesAt(ip: string): readonly EndpointSlice[];
  namespaceExists(name: string): boolean;
}

const VERSION = '1.1.0';

/** The answer that the zone itself gives, or the name outside the cluster that it continues with. */
export interface ZoneAnswer {
  readonly answer: Answer;
  /** An ExternalName that leads out of the zone: its addresses come from another server. */
  readonly continueAt?: string;
}

/**
 * Answers a question about the cluster's zone, or undefined where the zone has no say. Pure.
 * Source: Kubernetes DNS-Based Service Discovery, schema version 1.1.0.
 */
export function answerFromZone(name: string, type: number, source: ZoneSource): ZoneAnswer | undefined {
  if (name.endsWith('.in-addr.arpa')) return reverse(name, type, source);
  if (name !== source.domain && !name.endsWith(`.${source.domain}`)) return undefined;
  const relative = name === source.domain ? [] : name.slice(0, -(source.domain.length + 1)).split('.');
  const found = lookUp(name, relative, source);
  if (!found) return { answer: negative('NXDOMAIN', source.domain) };
  const cname = found.find((record) => record.type === 'CNAME');
  if (cname?.type === 'CNAME') return followName(cname, type, source);
  const answers = found.filter((record) => recordTypes[record.type] === type || type === recordTypes.ANY);
  if (answers.length === 0) return { answer: negative('NOERROR', source.domain) };
  const additional = answers.flatMap((record) => (record.type === 'SRV' ? targetAddresses(record.target, source) : []));
  return {
    answer: {
      code: responseCodes.NOERROR,
      authoritative: true,
      answers,
      additional: unique(additional),
    },
  };
}

function followName(cname: DnsRecord & { type: 'CNAME' }, type: number, source: ZoneSource): ZoneAnswer {
  const answer = { code: responseCodes.NOERROR, authoritative: true, answers: [cname] };
  if (type === recordTypes.CNAME) return { answer };
  const target = cname.target;
  const inside = target.endsWith(`.${source.domain}`)
    ? lookUp(target, target.slice(0, -(source.domain.length + 1)).split('.'), source)
    : undefined;
  if (!inside) return { answer, ...(target.endsWith(`.${source.domain}`) ? {} : { continueAt: target }) };
  return { answer: { ...answer, answers: [cname, ...inside.filter((record) => recordTypes[record.type] === type)] } };
}

/** All records of a name; undefined where the name does not exist; empty where it exists and has none. */
function lookUp(name: string, relative: readonly string[], source: ZoneSource): readonly DnsRecord[] | undefined {
  if (relative.length === 0) {
    return [
      { type: 'SOA', name: source.domain, serial: 1 },
      { type: 'NS', name: source.domain, target: `ns.dns.${source.domain}` },
    ];
  }
  const labels = [...relative].reverse();
  if (labels[0] === 'dns-version' && labels.length === 1) return [{ type: 'TXT', name, text: VERSION }];
  if (labels[0] === 'svc') return serviceRecords(name, labels.slice(1), source);
  if (labels[0] === 'pod') return podRecords(name, labels.slice(1), source);
  return undefined;
}

/** `labels` is reversed and without `svc`: namespace, service, then endpoint or `_protocol`, `_port`. */
function serviceRecords(name: string, labels: readonly string[], source: ZoneSource): readonly DnsRecord[] | undefined {
  const [namespace, serviceName, third, fourth] = labels;
  if (namespace === undefined) return [];
  if (serviceName === undefined) return source.namespaceExists(namespace) ? [] : undefined;
  const service = source.service(serviceName, namespace);
  if (!service || labels.length > 4) return undefined;
  const base = `${serviceName}.${namespace}.svc.${source.domain}`;
  if (service.spec.type === 'ExternalName') {
    const target = (service.spec.externalName ?? '').replace(/\.$/, '').toLowerCase();
    return third === undefined && target ? [{ type: 'CNAME', name, target }] : undefined;
  }
  const endpoints = service.spec.clusterIP === 'None' ? endpointsOf(serviceName, namespace, source) : undefined;
  if (third === undefined) {
    return endpoints ? headlessRecords(name, base, endpoints) : clusterIpRecords(name, base, service);
  }
  if (third.startsWith('_') && (fourth === undefined || fourth.startsWith('_'))) {
    const ports = portRecords(name, base, service, endpoints).filter(
      ({ protocol, port }) => `_${protocol}` === third && (fourth === undefined || `_${port}` === fourth),
    );
    return ports.length > 0 ? ports.map(({ record }) => record) : undefined;
  }
  if (!endpoints || fourth !== undefined) return undefined;
  const addresses = endpoints
    .filter(({ host }) => host === third)
    .map(({ ip }): DnsRecord => ({ type: 'A', name, address: ip }));
  return addresses.length > 0 ? addresses : undefined;
}

function clusterIpRecords(name: string, base: string, service: Service): readonly DnsRecord[] {
  const addresses = ipv4(service.spec.clusterIPs ?? []).map((address): DnsRecord => ({ type: 'A', name, address }));
  const srv = (service.spec.ports ?? []).map(
    (port): DnsRecord => ({ type: 'SRV', name, priority: 0, weight: 100, port: port.port, target: base }),
  );
  return [...addresses, ...srv];
}

function headlessRecords(
  name: string,
  base: string,
  endpoints: readonly ZoneEndpoint[],
): readonly DnsRecord[] | undefined {
  if (endpoints.length === 0) return undefined;
  return endpoints.flatMap(({ ip, host, ports }) => [
    { type: 'A' as const, name, address: ip },
    ...ports.map((port) => ({
      type: 'SRV' as const,
      name,
      priority: 0,
      weight: 100,
      port: port.number,
      target: `${host}.${base}`,
    })),
  ]);
}

interface PortRecord {
  readonly protocol: string;
  readonly port: string;
  readonly record: DnsRecord;
}

/** `endpoints` only where the service is headless: each then has a record of its own. */
function portRecords(
  name: string,
  base: string,
  service: Service,
  endpoints: readonly ZoneEndpoint[] | undefined,
): readonly PortRecord[] {
  if (!endpoints) {
    return (service.spec.ports ?? []).map((port) => ({
      protocol: (port.protocol ?? 'TCP').toLowerCase(),
      port: port.name ?? '',
      record: { type: 'SRV', name, priority: 0, weight: 100, port: port.port, target: base },
    }));
  }
  return endpoints.flatMap(({ host, ports }) =>
    ports.map((port) => ({
      protocol: port.protocol,
      port: port.name,
      record: { type: 'SRV' as const, name, priority: 0, weight: 100, port: port.number, target: `${host}.${base}` },
    })),
  );
}

interface ZoneEndpoint {
  readonly ip: string;
  /** Its host name, or its address with dashes. */
  readonly host: string;
  readonly ports: readonly { readonly name: string; readonly number: number; readonly protocol: string }[];
}

function endpointsOf(service: string, namespace: string, source: ZoneSource): readonly ZoneEndpoint[] {
  return source
    .slices(service, namespace)
    .filter((slice) => slice.addressType === 'IPv4')
    .flatMap((slice) => {
      const ports = (slice.ports ?? []).map((port) => ({
        name: port.name ?? '',
        number: port.port ?? 0,
        protocol: (port.protocol ?? 'TCP').toLowerCase(),
      }));
      return (slice.endpoints ?? [])
        .filter((endpoint) => endpoint.conditions.ready ?? true)
        .flatMap((endpoint) => (endpoint.addresses ?? []).map((ip) => ({ ip, host: hostOf(endpoint, ip), ports })));
    });
}

function hostOf(endpoint: Endpoint, ip: string): string {
  return (endpoint.hostname || ip.replaceAll('.', '-')).toLowerCase();
}

/** `10-42-0-5.namespace.pod`: any address, as the schema's insecure mode has it, in a namespace that exists. */
function podRecords(name: string, labels: readonly string[], source: ZoneSource): readonly DnsRecord[] | undefined {
  const [namespace, dashed] = labels;
  if (namespace === undefined) return [];
  if (!source.namespaceExists(namespace)) return undefined;
  if (dashed === undefined) return [];
  const address = dashed.replaceAll('-', '.');
  return labels.length === 2 && ipv4([address]).length === 1 ? [{ type: 'A', name, address }] : undefined;
}

/** Names of cluster IPs and of endpoints with a host name; other addresses are not ours to answer for. */
function reverse(name: string, type: number, source: ZoneSource): ZoneAnswer | undefined {
  const ip = name.replace('.in-addr.arpa', '').split('.').reverse().join('.');
  const services = source
    .servicesAt(ip)
    .map((service) => `${service.metadata.name}.${service.metadata.namespace}.svc.${source.domain}`);
  const endpoints = source.slicesAt(ip).flatMap((slice) => {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    const endpoint = slice.endpoints?.find((candidate) => candidate.addresses?.includes(ip));
    const headless = service && source.service(service, slice.metadata.namespace ?? '')?.spec.clusterIP === 'None';
    if (!headless || !endpoint) return [];
    return [`${hostOf(endpoint, ip)}.${service}.${slice.metadata.namespace}.svc.${source.domain}`];
  });
  const targets = services.length > 0 ? services : endpoints;
  if (targets.length === 0) return undefined;
  if (type !== recordTypes.PTR && type !== recordTypes.ANY) return { answer: negative('NOERROR', source.domain) };
  const answers = targets.map((target): DnsRecord => ({ type: 'PTR', name, target }));
  return { answer: { code: responseCodes.NOERROR, authoritative: true, answers } };
}

function targetAddresses(target: string, source: ZoneSource): readonly DnsRecord[] {
  const relative = target.slice(0, -(source.domain.length + 1)).split('.');
  return (lookUp(target, relative, source) ?? []).filter((record) => record.type === 'A');
}

/** No such name, or none of the type asked for: the SOA record tells how long that may be remembered (RFC 2308). */
function negative(code: 'NXDOMAIN' | 'NOERROR', domain: string): Answer {
  const authority: readonly DnsRecord[] = [{ type: 'SOA', name: domain, serial: 1 }];
  return { code: responseCodes[code], authoritative: true, answers: [], authority };
}

function unique(records: readonly DnsRecord[]): readonly DnsRecord[] {
  return [...new Map(records.map((record) => [JSON.stringify(record), record])).values()];
}

function ipv4(addresses: readonly string[]): readonly string[] {
  return addresses.filter((address) => ipFamily(address) === 4);
}
