import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { createLogger, type Logger } from '#base/log.ts';
import { createClient } from '#client/create-client.ts';
import { httpsTransport } from '#client/https.ts';
import { startInformer } from '#client/start-informer.ts';
import { startKubelet } from '#kubelet/kubelet.ts';
import { writeCniConfig } from '#network/cni/config.ts';
import { cniDataFolder, startNetwork } from '#network/network.ts';
import { namespace } from '#resources/core/namespace/namespace.ts';
import { service } from '#resources/core/service/service.ts';
import { endpointSlice } from '#resources/discovery/endpoint-slice/endpoint-slice.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, cgroupParent, paths, readCluster } from '../cluster.ts';
import { parseFlags } from '../flags.ts';
import { releaseMemoryWhenIdle } from '../idle-memory.ts';
import { dnsAddress } from '../service-range.ts';
import { readCredentials } from './credentials.ts';

/** `dhow agent --run-dir D`: the node of a cluster. Runs until a signal; containers outlive it. */
export async function agent(args: readonly string[]): Promise<void> {
  const { flags } = parseFlags('agent', args, { 'run-dir': 'string' });
  const cluster = await readCluster(flags['run-dir'] ?? '');
  if (!cluster) throw new CliError('agent is started by dhow up');
  process.umask(0o022); // containerd inherits it: a stricter one would close root file systems to users that are not root
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => stop.abort(new Error('the agent is being stopped')));
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  await runAgent(cluster, createLogger('agent'), stop.signal, stopped);
}

async function runAgent(cluster: Cluster, log: Logger, signal: AbortSignal, stopped: Promise<void>): Promise<void> {
  const clock = systemClock;
  const { agentDir, agentCredentials } = paths(cluster);
  const cniConfDir = join(agentDir, 'cni', 'conf');
  const nodePodCidr = firstNodeRange(cluster.podCidr);
  await writeCniConfig({ configFolder: cniConfDir, dataFolder: cniDataFolder(agentDir), nodePodCidr });
  const { server, ca, kubelet: node, network, serving } = await readCredentials(agentCredentials, clock, signal);
  using nodeTransport = httpsTransport({ server, ca, clientCert: node.certificate, clientKey: node.key });
  using networkTransport = httpsTransport({ server, ca, clientCert: network.certificate, clientKey: network.key });
  const networkClient = createClient(networkTransport, { userAgent: 'dhow/network' });
  const shared = { clock, log, signal };
  const services = startInformer(networkClient, service, shared);
  const slices = startInformer(networkClient, endpointSlice, shared);
  const namespaces = startInformer(networkClient, namespace, shared);
  const dnsIp = dnsAddress(cluster.serviceCidr);
  const kubelet = await startKubelet({
    client: createClient(nodeTransport, { userAgent: 'dhow/kubelet' }),
    nodeName: cluster.nodeName,
    dataDir: agentDir,
    cniConfDir,
    clusterDns: [dnsIp],
    clusterDomain: cluster.clusterDomain,
    podCidr: nodePodCidr,
    cgroupRoot: cgroupParent(cluster),
    server: { port: cluster.kubeletPort, certificate: serving.certificate, key: serving.key, clientCa: ca },
    services,
    ...shared,
  });
  const { podCidr, serviceCidr, nodeName, clusterDomain, resolvConf } = cluster;
  await using _network = await startNetwork({
    network: { clusterName: cluster.name, podCidr, serviceCidr, dnsIp },
    nodeName,
    clusterDomain,
    resolvConf,
    services,
    slices,
    pods: kubelet.podInformer,
    namespaces,
    ...shared,
  });
  using _idle = releaseMemoryWhenIdle(clock);
  await stopped;
  await kubelet.stop();
}

/** One node has the first /24 of the pod range; more nodes share it out when they join. */
function firstNodeRange(podCidr: string): string {
  const [network = ''] = podCidr.split('/');
  return `${network}/24`;
}
