import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Informer } from '#client/informer.ts';
import type { Namespace, Pod, Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { readUpstreams } from './dns/forwarder.ts';
import { DnsServer } from './dns/server.ts';
import type { ZoneSource } from './dns/zone.ts';
import { type ClusterNetwork, createHostNetwork, tableName } from './host-network.ts';
import { ServiceProxy } from './proxy/proxy.ts';

export interface NetworkOptions {
  readonly network: ClusterNetwork;
  readonly nodeName: string;
  readonly clusterDomain: string;
  /** Whose name servers are asked about names outside the cluster; '' for none. */
  readonly resolvConf: string;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly pods: Informer<Pod>;
  readonly namespaces: Informer<Namespace>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const DNS_PORT = 53;

export interface RunningNetwork extends AsyncDisposable {
  readonly dns: DnsServer;
}

/**
 * The network of one node: ranges on the host, service proxy and DNS. Resolves when services work and names resolve.
 * Disposing stops the parts and leaves ranges and table as they are, so that traffic goes on while the agent restarts.
 */
export async function startNetwork(options: NetworkOptions): Promise<RunningNetwork> {
  const { network, services, slices, clock, log } = options;
  await createHostNetwork(network);
  const proxy = new ServiceProxy({
    table: tableName(network.clusterName),
    podCidr: network.podCidr,
    serviceCidr: network.serviceCidr,
    nodeName: options.nodeName,
    services,
    slices,
    pods: options.pods,
    clock,
    log,
    signal: options.signal,
  });
  await Promise.all([proxy.start(), options.namespaces.synced]);
  const dns = await DnsServer.start({
    address: network.dnsIp,
    port: DNS_PORT,
    source: zoneSource(options),
    upstreams: await readUpstreams(options.resolvConf, network.dnsIp),
    clock,
    log,
  });
  return {
    dns,
    async [Symbol.asyncDispose]() {
      proxy[Symbol.dispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
}

/** Where the CNI plug-ins keep the addresses they gave out, under the agent's data folder. */
export function cniDataFolder(agentFolder: string): string {
  return join(agentFolder, 'cni', 'networks');
}

function zoneSource({ clusterDomain, services, slices, namespaces }: NetworkOptions): ZoneSource {
  const byService = slices.index('service', (slice) => [
    `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  ]);
  const byAddress = slices.index('address', (slice) =>
    (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []),
  );
  const byClusterIp = services.index('cluster-ip', (service) =>
    (service.spec.clusterIPs ?? []).filter((ip) => ip !== 'None'),
  );
  return {
    domain: clusterDomain,
    service: (name, namespace) => services.get(name, namespace),
    slices: (name, namespace) => byService.get(`${namespace}/${name}`),
    servicesAt: (ip) => byClusterIp.get(ip),
    slicesAt: (ip) => byAddress.get(ip),
    namespaceExists: (name) => namespaces.get(name) !== undefined,
  };
}
