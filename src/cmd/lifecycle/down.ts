import { systemClock } from '#base/clock.ts';
import { containerdPaths, stopContainerd } from '#kubelet/containerd/containerd.ts';
import { connectRuntime } from '#kubelet/runtime/connect.ts';
import { type Cluster, containerdFolder, paths, requireCluster } from '../cluster.ts';
import { noOperands, parseFlags } from '../flags.ts';
import { endProcess } from './processes.ts';
import { createProgress } from './progress.ts';

const PROCESS_TIMEOUT_MS = 15_000;
/** What containers get between SIGTERM and SIGKILL when the whole cluster stops. */
const CONTAINER_GRACE_SECONDS = 5;
const STOP_CALL_TIMEOUT_MS = 30_000;

/** `dhow down`: stops containers and processes; the next `dhow up` goes on with the same state. */
export async function down(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('down', args, { name: 'string', 'data-dir': 'string' });
  noOperands('down', operands);
  const cluster = await requireCluster(flags);
  const progress = createProgress();
  await progress.step(`Stopping the cluster ${cluster.name}`, () => stopCluster(cluster));
  process.stdout.write(
    `The cluster ${cluster.name} is stopped; its state is in ${cluster.dataDir}. Go on with dhow up.\n`,
  );
}

/** Ends processes, then containers, then containerd. Repeatable; what does not run is no error. */
export async function stopCluster(cluster: Cluster): Promise<void> {
  const { pidFile } = paths(cluster);
  for (const part of ['supervisor', 'agent', 'server']) await endProcess(pidFile(part), PROCESS_TIMEOUT_MS);
  await stopContainers(containerdPaths(containerdFolder(cluster)).socket);
  await stopContainerd(containerdFolder(cluster), systemClock);
}

/** Containers are asked to end, then ended, all at once; then their sandboxes go, and with them their network. */
async function stopContainers(socket: string): Promise<void> {
  const { runtime } = connectRuntime(socket);
  const options = { timeoutMs: STOP_CALL_TIMEOUT_MS };
  const listed = await runtime.listContainers({}, options).catch(() => undefined); // containerd is not running
  if (!listed) return;
  await Promise.allSettled(
    listed.containers.map(({ id }) =>
      runtime.stopContainer({ containerId: id, timeout: BigInt(CONTAINER_GRACE_SECONDS) }, options),
    ),
  );
  const { items } = await runtime.listPodSandbox({}, options);
  await Promise.allSettled(items.map(({ id }) => runtime.stopPodSandbox({ podSandboxId: id }, options)));
}
