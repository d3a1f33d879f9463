import { rm } from 'node:fs/promises';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, paths, readCluster } from '../cluster.ts';
import { parseFlags } from '../flags.ts';
import { packageFile } from '../package-file.ts';
import { readPidFile, writePidFile } from './processes.ts';
import { type Part, supervise as superviseParts } from './supervisor.ts';

/** `dhow supervise --run-dir D`: what `dhow up` leaves running. */
export async function supervise(args: readonly string[]): Promise<void> {
  const { flags } = parseFlags('supervise', args, { 'run-dir': 'string' });
  const cluster = await readCluster(flags['run-dir'] ?? '');
  if (!cluster) throw new CliError('supervise is started by dhow up');
  await runSupervisor(cluster, new AbortController());
}

/** Runs until SIGTERM, SIGINT or `stop`. */
export async function runSupervisor(cluster: Cluster, stop: AbortController): Promise<void> {
  const pidFile = paths(cluster).pidFile('supervisor');
  if (await readPidFile(pidFile)) throw new CliError(`the cluster ${cluster.name} has a supervisor already`);
  await writePidFile(pidFile, process.pid);
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
  const log = createLogger('supervisor');
  try {
    await superviseParts(cluster, clusterParts(cluster), { clock: systemClock, log, signal: stop.signal });
  } finally {
    await rm(pidFile, { force: true });
  }
}

/** The server first: it writes what the agent needs to reach it. */
function clusterParts(cluster: Cluster): readonly Part[] {
  const { runDir } = paths(cluster);
  return ['server', 'agent'].map((name) => ({
    name,
    program: process.execPath,
    args: ['--expose-gc', packageFile('bin/dhow.mjs'), name, '--run-dir', runDir],
  }));
}
