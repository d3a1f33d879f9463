import { resolve } from 'node:path';
import { CliError } from '../cli-error.ts';
import {
  type Cluster,
  checkName,
  DATA_FORMAT,
  DEFAULT_API_PORT,
  DEFAULT_KUBELET_PORT,
  DEFAULT_NAME,
  defaultDataDir,
  findCluster,
  machineNodeName,
  paths,
  readCluster,
} from '../cluster.ts';
import { parsePort } from '../flags.ts';
import { checkCidr, isPortFree, overlap, overlappingRoute, requireFreePort } from './machine.ts';
import { readPidFile } from './processes.ts';

export interface UpFlags {
  readonly name?: string;
  readonly 'data-dir'?: string;
  readonly 'api-port'?: string;
  readonly 'pod-cidr'?: string;
  readonly 'service-cidr'?: string;
  readonly 'resolv-conf'?: string;
}

/** Pairs of ranges that are tried in turn for a cluster that names none: 10.42/16 with 10.43/16, then 10.44 with 10.45, ... */
const RANGE_PAIRS = 50;

/**
 * The cluster that `dhow up` means: the one that is there, or a new one with ports and ranges that nobody uses.
 * Throws CliError where a flag contradicts the one that is there, or something it needs is taken.
 */
export async function chooseCluster(flags: UpFlags): Promise<Cluster> {
  const name = checkName(flags.name ?? DEFAULT_NAME);
  const found = await findCluster(flags);
  if (found && found.name !== name && flags.name !== undefined) {
    throw new CliError(`${found.dataDir} holds the cluster ${found.name}, not ${name}`);
  }
  const dataDir = resolve(flags['data-dir'] ?? found?.dataDir ?? defaultDataDir(name));
  if (!found) {
    const other = await readCluster(paths({ name, dataDir }).runDir);
    if (other && (await readPidFile(paths(other).pidFile('supervisor')))) {
      throw new CliError(`a cluster ${name} runs already with its data in ${other.dataDir}: choose another --name`);
    }
  }
  const cluster = found ? existing(found, flags) : await fresh(name, dataDir, flags);
  if (!(await readPidFile(paths(cluster).pidFile('server')))) await requireFreePort(cluster.apiPort);
  return cluster;
}

/** Ranges are in every object of a cluster and stay; the port may change. */
function existing(cluster: Cluster, flags: UpFlags): Cluster {
  for (const [flag, value] of [
    ['pod-cidr', cluster.podCidr],
    ['service-cidr', cluster.serviceCidr],
  ] as const) {
    if (flags[flag] !== undefined && flags[flag] !== value) {
      throw new CliError(
        `the cluster ${cluster.name} has --${flag} ${value}, which cannot change: delete it first, or choose another --name`,
      );
    }
  }
  const apiPort = flags['api-port'] === undefined ? cluster.apiPort : parsePort('api-port', flags['api-port']);
  return { ...cluster, apiPort, resolvConf: flags['resolv-conf'] ?? cluster.resolvConf };
}

async function fresh(name: string, dataDir: string, flags: UpFlags): Promise<Cluster> {
  const ranges = await chooseRanges(flags);
  const isDefault = name === DEFAULT_NAME;
  const apiPort =
    flags['api-port'] !== undefined
      ? parsePort('api-port', flags['api-port'])
      : isDefault
        ? DEFAULT_API_PORT
        : await freePort(DEFAULT_API_PORT + 1);
  return {
    format: DATA_FORMAT,
    name,
    dataDir,
    apiPort,
    kubeletPort: await freePort(isDefault ? DEFAULT_KUBELET_PORT : DEFAULT_KUBELET_PORT + 10),
    ...ranges,
    clusterDomain: 'cluster.local',
    nodeName: machineNodeName(),
    resolvConf: flags['resolv-conf'] ?? '/etc/resolv.conf',
  };
}

async function chooseRanges(flags: UpFlags): Promise<{ readonly podCidr: string; readonly serviceCidr: string }> {
  const [podFlag, serviceFlag] = [flags['pod-cidr'], flags['service-cidr']];
  if (podFlag !== undefined) await checkRange('pod-cidr', podFlag, 24);
  if (serviceFlag !== undefined) await checkRange('service-cidr', serviceFlag, 27);
  for (let pair = 0; pair < RANGE_PAIRS; pair++) {
    const podCidr = podFlag ?? `10.${42 + 2 * pair}.0.0/16`;
    const serviceCidr = serviceFlag ?? `10.${43 + 2 * pair}.0.0/16`;
    if (overlap(podCidr, serviceCidr)) {
      if (podFlag && serviceFlag)
        throw new CliError(`--pod-cidr ${podCidr} and --service-cidr ${serviceCidr} overlap: choose two ranges`);
      continue;
    }
    const taken =
      (podFlag === undefined && (await overlappingRoute(podCidr))) ||
      (serviceFlag === undefined && (await overlappingRoute(serviceCidr)));
    if (!taken) return { podCidr, serviceCidr };
  }
  throw new CliError('every default range overlaps a route of this machine: choose with --pod-cidr and --service-cidr');
}

async function checkRange(flag: string, cidr: string, narrowest: number): Promise<void> {
  checkCidr(flag, cidr, 8, narrowest);
  const route = await overlappingRoute(cidr);
  if (route) throw new CliError(`--${flag} ${cidr} overlaps the route ${route} of this machine: choose another range`);
}

async function freePort(from: number): Promise<number> {
  for (let port = from; port < from + 1000; port++) if (await isPortFree(port)) return port;
  throw new CliError(`no port from ${from} on is free: choose one with --api-port`);
}
