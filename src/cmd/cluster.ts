import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CliError } from './cli-error.ts';

/** One cluster on this machine, as `cluster.json` in its data folder keeps it. */
export interface Cluster {
  /** Version of the layout of the data folder. */
  readonly format: number;
  readonly name: string;
  readonly dataDir: string;
  readonly apiPort: number;
  readonly kubeletPort: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  readonly nodeName: string;
  /** Whose name servers pods' questions about the world are sent to; '' for none. */
  readonly resolvConf: string;
}

/** A data folder of another format is refused, never guessed at. */
export const DATA_FORMAT = 1;
export const DEFAULT_NAME = 'dhow';
export const DEFAULT_API_PORT = 6443;
export const DEFAULT_KUBELET_PORT = 10_250;

/** Where the files of a cluster lie. */
export function paths(cluster: Pick<Cluster, 'name' | 'dataDir'>) {
  const runDir = runFolder(cluster.name);
  return {
    /** Sockets, pid files and what else does not outlive a reboot. */
    runDir,
    pidFile: (part: string) => join(runDir, `${part}.pid`),
    clusterFile: join(cluster.dataDir, 'cluster.json'),
    serverDir: join(cluster.dataDir, 'server'),
    agentDir: join(cluster.dataDir, 'agent'),
    logDir: join(cluster.dataDir, 'logs'),
    logFile: (part: string) => join(cluster.dataDir, 'logs', `${part}.log`),
    adminKubeconfig: join(cluster.dataDir, 'kubeconfig'),
    /** What the agent needs to know of the control plane; the server writes it. */
    agentCredentials: join(cluster.dataDir, 'agent', 'credentials.json'),
  } as const;
}

export function runFolder(name: string): string {
  return join('/run/dhow', name);
}

export function contextName(cluster: Pick<Cluster, 'name'>): string {
  return cluster.name === DEFAULT_NAME ? 'dhow' : `dhow-${cluster.name}`;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;

export function checkName(name: string): string {
  if (!NAME.test(name)) {
    throw new CliError(`--name takes up to 40 lower-case letters, digits and dashes, not ${JSON.stringify(name)}`);
  }
  return name;
}

export function defaultDataDir(name: string): string {
  return name === DEFAULT_NAME ? '/var/lib/dhow' : `/var/lib/dhow-${name}`;
}

/** The node's name: the machine's, as the kubelet makes it. */
export function machineNodeName(): string {
  const name = hostname().toLowerCase().trim();
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) ? name : 'node';
}

/** Reads `cluster.json`; undefined where the folder holds no cluster. */
export async function readCluster(dataDir: string): Promise<Cluster | undefined> {
  const file = join(dataDir, 'cluster.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  let cluster: Cluster;
  try {
    cluster = JSON.parse(text) as Cluster;
  } catch (cause) {
    throw new CliError(`${file} is corrupt: restore it, or remove the cluster with dhow delete --data-dir ${dataDir}`, {
      cause,
    });
  }
  if (cluster.format !== DATA_FORMAT) {
    throw new CliError(
      `${dataDir} has data format ${cluster.format}, this version of dhow reads ${DATA_FORMAT}: use the version that wrote it, or another --data-dir`,
    );
  }
  return cluster;
}

/** Writes `cluster.json`, and a copy in the run folder, by which other commands find a cluster by its name. */
export async function writeCluster(cluster: Cluster): Promise<void> {
  const { runDir, clusterFile } = paths(cluster);
  for (const file of [clusterFile, join(runDir, 'cluster.json')]) {
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.tmp`, `${JSON.stringify(cluster, undefined, 2)}\n`, { flush: true });
    await rename(`${file}.tmp`, file);
  }
}

/** The cluster that `--name` and `--data-dir` mean; undefined where there is none. */
export async function findCluster(flags: {
  readonly name?: string;
  readonly 'data-dir'?: string;
}): Promise<Cluster | undefined> {
  if (flags['data-dir'] !== undefined) return readCluster(flags['data-dir']);
  const name = checkName(flags.name ?? DEFAULT_NAME);
  return (await readCluster(runFolder(name))) ?? (await readCluster(defaultDataDir(name)));
}

export async function requireCluster(flags: {
  readonly name?: string;
  readonly 'data-dir'?: string;
}): Promise<Cluster> {
  const cluster = await findCluster(flags);
  if (cluster) return cluster;
  const which = flags['data-dir'] ?? flags.name ?? DEFAULT_NAME;
  throw new CliError(`there is no cluster ${which}: start one with dhow up`);
}

/** Where the cluster's own containerd keeps everything. */
export function containerdFolder(cluster: Cluster): string {
  return join(paths(cluster).agentDir, 'containerd');
}

/** The cgroup that all pods of the cluster lie in. */
export function cgroupParent(cluster: Pick<Cluster, 'name'>): string {
  return cluster.name === DEFAULT_NAME ? '/dhow' : `/dhow-${cluster.name}`;
}
