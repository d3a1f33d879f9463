import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { type Cluster, contextName, paths, requireCluster } from '../cluster.ts';
import { noOperands, parseFlags } from '../flags.ts';
import { readPidFile } from './processes.ts';
import { openAdminClient, serverIsReady } from './readiness.ts';

/** `dhow status`: what runs and where. Exit code 0 where the node is ready, else 1. */
export async function status(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('status', args, { name: 'string', 'data-dir': 'string' });
  noOperands('status', operands);
  const cluster = await requireCluster(flags);
  const lines: [string, string][] = [
    ['cluster', cluster.name],
    ['data', cluster.dataDir],
    ['kubeconfig', `${paths(cluster).adminKubeconfig} (context ${contextName(cluster)})`],
    ['pods', cluster.podCidr],
    ['services', cluster.serviceCidr],
  ];
  for (const part of ['supervisor', 'server', 'agent']) {
    const identity = await readPidFile(paths(cluster).pidFile(part));
    lines.push([part, identity ? `running (pid ${identity.pid})` : 'not running']);
  }
  const api = await describeApi(cluster);
  lines.push(...api.lines);
  for (const [name, value] of lines) process.stdout.write(`${name.padEnd(12)}${value}\n`);
  if (!api.ready) process.exitCode = 1;
}

async function describeApi(
  cluster: Cluster,
): Promise<{ readonly lines: readonly [string, string][]; readonly ready: boolean }> {
  const address = `https://127.0.0.1:${cluster.apiPort}`;
  if (!(await serverIsReady(cluster))) return { lines: [['api', `${address} does not answer`]], ready: false };
  using admin = await openAdminClient(cluster);
  const { items: nodes } = await admin.client.list(node);
  const { items: pods } = await admin.client.list(pod, { fieldSelector: 'status.phase=Running' });
  const ready = (name: string | undefined) =>
    nodes.find(({ metadata }) => metadata.name === name)?.status.conditions?.find(({ type }) => type === 'Ready');
  const lines: [string, string][] = [['api', `${address} ready`]];
  for (const { metadata } of nodes) {
    const condition = ready(metadata.name);
    const why = condition?.status === 'True' ? 'ready' : `not ready: ${condition?.message ?? 'no status yet'}`;
    lines.push([`node`, `${metadata.name} ${why}`]);
  }
  lines.push(['running', `${pods.length} pods`]);
  return { lines, ready: ready(cluster.nodeName)?.status === 'True' };
}
