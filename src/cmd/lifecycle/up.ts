import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { readKubeconfig, updateKubeconfig, withContext } from '#client/kubeconfig.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, contextName, paths, writeCluster } from '../cluster.ts';
import { noOperands, parseFlags } from '../flags.ts';
import { packageFile } from '../package-file.ts';
import { checkMachine } from './machine.ts';
import { chooseCluster } from './choose-cluster.ts';
import { stopCluster } from './down.ts';
import { readPidFile } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { dnsAnswers, nodeIsReady, openAdminClient, serverIsReady } from './readiness.ts';
import { runSupervisor } from './supervise.ts';

const flagTypes = {
  name: 'string',
  'data-dir': 'string',
  'api-port': 'string',
  'pod-cidr': 'string',
  'service-cidr': 'string',
  kubeconfig: 'string',
  'resolv-conf': 'string',
  foreground: 'boolean',
} as const;

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** `dhow up`: a cluster that runs pods, or an error with nothing left behind that was not there before. */
export async function up(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('up', args, flagTypes);
  noOperands('up', operands);
  checkMachine();
  const userKubeconfig = resolve(flags.kubeconfig ?? userKubeconfigFile());
  await checkKubeconfig(userKubeconfig);
  const cluster = await chooseCluster(flags);
  const running = await readPidFile(paths(cluster).pidFile('supervisor'));
  if (!running) await writeCluster(cluster);
  if (flags.foreground && !running) return upInForeground(cluster, userKubeconfig);
  const progress = createProgress();
  // an agent that a killed supervisor left running has nothing new to say
  const sinceMs = (await readPidFile(paths(cluster).pidFile('agent'))) ? 0 : systemClock.now();
  if (!running) await startSupervisor(cluster);
  try {
    await waitUntilUsable(cluster, progress, sinceMs);
  } catch (error) {
    if (!running) await stopCluster(cluster); // its state and logs stay, for whoever looks for the reason
    throw error;
  }
  await addContext(cluster, userKubeconfig);
  process.stdout.write(welcome(cluster, userKubeconfig));
}

/** Runs until Ctrl-C, then stops the cluster as `dhow down` does. */
async function upInForeground(cluster: Cluster, userKubeconfig: string): Promise<void> {
  const stop = new AbortController();
  const supervisor = runSupervisor(cluster, stop);
  try {
    await Promise.race([supervisor, waitUntilUsable(cluster, createProgress(), systemClock.now())]);
    if (stop.signal.aborted) return;
    await addContext(cluster, userKubeconfig);
    process.stdout.write(welcome(cluster, userKubeconfig));
    await supervisor;
  } finally {
    stop.abort();
    await supervisor;
    await stopCluster(cluster);
  }
}

/** It only waits: its heap need not be fast. */
const SUPERVISOR_HEAP = ['--max-semi-space-size=1', '--optimize-for-size'];

/** The supervisor belongs to nobody: it goes on when this command and its terminal are gone. */
async function startSupervisor(cluster: Cluster): Promise<void> {
  const { logDir, logFile, runDir } = paths(cluster);
  await mkdir(logDir, { recursive: true, mode: 0o700 });
  const log = await open(logFile('supervisor'), 'a', 0o600);
  const program = [...SUPERVISOR_HEAP, packageFile('bin/dhow.mjs'), 'supervise', '--run-dir', runDir];
  const child = spawn(process.execPath, program, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
  });
  child.unref();
  await log.close();
}

/** Waits for API, node and DNS, each named while it is waited for. */
async function waitUntilUsable(cluster: Cluster, progress: Progress, sinceMs: number): Promise<void> {
  await progress.step('Starting the API server', () => until(cluster, 'server', () => serverIsReady(cluster)));
  using admin = await openAdminClient(cluster);
  await progress.step(`Waiting for node ${cluster.nodeName}`, () =>
    until(cluster, 'agent', () => nodeIsReady(admin.client, cluster.nodeName, sinceMs)),
  );
  await progress.step('Waiting for DNS', () => until(cluster, 'agent', () => dnsAnswers(cluster)));
}

async function until(cluster: Cluster, part: string, condition: () => Promise<boolean>): Promise<void> {
  const end = systemClock.now() + READY_TIMEOUT_MS;
  while (!(await condition())) {
    if (systemClock.now() > end) {
      throw new CliError(
        `the ${part} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${await lastLine(cluster, part)}`,
      );
    }
    await systemClock.sleep(POLL_MS);
  }
}

/** What the part's log says last, for an error message. */
async function lastLine(cluster: Cluster, part: string): Promise<string> {
  const file = paths(cluster).logFile(part);
  const text = await readFile(file, 'utf8').catch(() => '');
  const last = text.trimEnd().split('\n').at(-1);
  return last ? `${last} (${file})` : `see ${file}`;
}

/** Where kubectl looks first. */
export function userKubeconfigFile(): string {
  const first = (process.env['KUBECONFIG'] ?? '').split(':').find((file) => file !== '');
  return first ?? join(homedir(), '.kube', 'config');
}

/** A corrupt file is reported before anything is started, and left as it is. */
async function checkKubeconfig(file: string): Promise<void> {
  try {
    await readKubeconfig(file);
  } catch (error) {
    throw new CliError(`${(error as Error).message}: repair it, or choose another with --kubeconfig`, { cause: error });
  }
}

async function addContext(cluster: Cluster, file: string): Promise<void> {
  const admin = await readKubeconfig(paths(cluster).adminKubeconfig);
  const [entry, user] = [admin?.clusters[0], admin?.users[0]];
  if (!entry || !user)
    throw new CliError(`${paths(cluster).adminKubeconfig} holds no cluster: remove it and run dhow up again`);
  const context = { name: contextName(cluster), cluster: entry.cluster, user: user.user };
  await updateKubeconfig(file, (config) => withContext(config, context, true));
}

function welcome(cluster: Cluster, kubeconfig: string): string {
  return [
    `The cluster ${cluster.name} is up: https://127.0.0.1:${cluster.apiPort}, context ${contextName(cluster)} in ${kubeconfig}.`,
    '',
    'Try next:',
    '  kubectl get nodes',
    '  kubectl create deployment web --image=IMAGE    (load images first: dhow image load FILE)',
    '  dhow status',
    '',
  ].join('\n');
}
