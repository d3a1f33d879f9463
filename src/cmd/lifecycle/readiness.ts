import { createSocket } from 'node:dgram';
import { systemClock } from '#base/clock.ts';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { kubeconfigTransport, readKubeconfig } from '#client/kubeconfig.ts';
import { isStatus } from '#machinery/status.ts';
import { parseTime } from '#machinery/time.ts';
import { recordTypes, writeQuery } from '#network/dns/message.ts';
import { lease } from '#resources/coordination/lease/lease.ts';
import { node } from '#resources/core/node/node.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, paths } from '../cluster.ts';
import { dnsAddress } from '../service-range.ts';

const DNS_PORT = 53;
const DNS_TRY_MS = 250;

/** A client with the administrator's certificate. */
export async function openAdminClient(cluster: Cluster): Promise<{ readonly client: Client } & Disposable> {
  const file = paths(cluster).adminKubeconfig;
  const config = await readKubeconfig(file);
  if (!config) throw new CliError(`${file} is missing: run dhow up`);
  const transport = await kubeconfigTransport(config, file);
  return { client: createClient(transport), [Symbol.dispose]: () => transport[Symbol.dispose]() };
}

/** Whether the API server of the cluster says that it is ready. */
export async function serverIsReady(cluster: Cluster): Promise<boolean> {
  try {
    using admin = await openAdminClient(cluster);
    const response = await admin.client.transport.request({ method: 'GET', path: '/readyz', headers: {} });
    for await (const _chunk of response.body);
    return response.status === 200;
  } catch {
    return false; // not listening yet, or no kubeconfig yet: asked again
  }
}

/** Whether the node is ready and its agent has said so since `sinceMs`: a stopped node's last word does not count. */
export async function nodeIsReady(client: Client, name: string, sinceMs: number): Promise<boolean> {
  try {
    const [found, { spec }] = await Promise.all([client.get(node, name), client.get(lease, name, 'kube-node-lease')]);
    const ready = found.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
    return ready && (parseTime(spec.renewTime) ?? 0) >= sinceMs;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false;
    throw error;
  }
}

/** Whether the cluster's DNS answers a question about the API's own service. */
export function dnsAnswers(cluster: Cluster): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answered: boolean) => {
      timer[Symbol.dispose]();
      socket.close();
      resolve(answered);
    };
    const timer = systemClock.after(DNS_TRY_MS, () => end(false));
    socket.once('error', () => end(false));
    socket.once('message', (answer) => end(answer.length > 7 && answer.readUInt16BE(6) > 0));
    const query = writeQuery(1, `kubernetes.default.svc.${cluster.clusterDomain}`, recordTypes.A);
    socket.send(query, DNS_PORT, dnsAddress(cluster.serviceCidr));
  });
}
