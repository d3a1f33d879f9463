import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { tryCommand } from '#base/command.ts';
import { readKubeconfig, updateKubeconfig, withoutContext } from '#client/kubeconfig.ts';
import { mountsBelow } from '#kubelet/volumes/mounts.ts';
import { deleteHostNetwork } from '#network/host-network.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, cgroupParent, contextName, paths, requireCluster } from '../cluster.ts';
import { noOperands, parseFlags } from '../flags.ts';
import { dnsAddress } from '../service-range.ts';
import { stopCluster } from './down.ts';
import { createProgress } from './progress.ts';
import { userKubeconfigFile } from './up.ts';

/** `dhow delete`: the cluster is stopped and everything it made is gone. */
export async function deleteCluster(args: readonly string[]): Promise<void> {
  const types = { name: 'string', 'data-dir': 'string', kubeconfig: 'string', yes: 'boolean' } as const;
  const { flags, operands } = parseFlags('delete', args, types);
  noOperands('delete', operands);
  if (process.getuid?.() !== 0) throw new CliError('not root: run dhow delete with sudo');
  const cluster = await requireCluster(flags);
  if (!flags.yes) await confirm(cluster);
  await createProgress().step(`Deleting the cluster ${cluster.name}`, async () => {
    await stopCluster(cluster);
    for (const folder of [cluster.dataDir, paths(cluster).runDir]) await unmount(folder);
    await deleteHostNetwork({
      clusterName: cluster.name,
      podCidr: cluster.podCidr,
      serviceCidr: cluster.serviceCidr,
      dnsIp: dnsAddress(cluster.serviceCidr),
    });
    await removeCgroups(cgroupParent(cluster));
    await removeContext(cluster, resolve(flags.kubeconfig ?? userKubeconfigFile()));
    await rm(cluster.dataDir, { recursive: true, force: true });
    await rm(paths(cluster).runDir, { recursive: true, force: true });
  });
  process.stdout.write(`The cluster ${cluster.name} is gone.\n`);
}

async function confirm(cluster: Cluster): Promise<void> {
  if (!process.stdin.isTTY)
    throw new CliError(`this removes ${cluster.dataDir} and all that runs in the cluster: add --yes`);
  const question = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await question.question(
    `Delete the cluster ${cluster.name} with everything in ${cluster.dataDir}? [y/N] `,
  );
  question.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was deleted');
}

/** Mounts of containers and volumes; what is gone already is no error. */
async function unmount(folder: string): Promise<void> {
  for (const mount of await mountsBelow(folder)) await tryCommand('umount', ['-l', mount]);
}

/** The cluster's cgroup in every hierarchy (v1) or the one (v2). They are empty once the containers are gone. */
async function removeCgroups(parent: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(join(root, 'cgroup.controllers'))
    ? [root]
    : (await readdir(root)).map((name) => join(root, name));
  for (const hierarchy of hierarchies) await removeTree(join(hierarchy, parent));
}

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder).catch(() => undefined); // gone already, or a process still leaves it
}

/** A corrupt kubeconfig is left as it is: it is not ours to repair. */
async function removeContext(cluster: Cluster, file: string): Promise<void> {
  const config = await readKubeconfig(file).catch(() => undefined);
  if (config?.contexts.some(({ name }) => name === contextName(cluster))) {
    await updateKubeconfig(file, (current) => withoutContext(current, contextName(cluster)));
  }
}
