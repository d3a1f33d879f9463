import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { goDuration } from '#machinery/duration.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { containerEvent } from '../containers/container-event.ts';
import { type AnyContainer, containerHash } from '../containers/containers.ts';
import { credentialsIn } from '../images/credentials.ts';
import { type PresentImage, WaitingError } from '../images/image-manager.ts';
import { rpcMessage } from '../runtime/connect.ts';
import type { ContainerRunState, PodRunState, SandboxState } from '../runtime/pod-state.ts';
import type { ReadyMount } from '../volumes/pod-volumes.ts';
import { newestState } from './actions.ts';
import { type ContainerConfig, containerConfig, logPath } from './container-config.ts';
import { hostsFile, podHostname } from './dns.ts';
import { environment } from './environment.ts';
import { runHook } from './hooks.ts';
import { identityOf, logFolder, showPod } from './identity.ts';
import { stopContainer } from './kill.ts';
import type { PodContext } from './pod-context.ts';
import type { SandboxConfig } from './sandbox-config.ts';
import { terminationMessageFile } from './termination-message.ts';

/** The pod around a container that is to be started. */
export interface StartScene {
  readonly pod: Pod;
  readonly state: PodRunState;
  readonly sandbox: SandboxState;
  readonly sandboxConfig: SandboxConfig;
  /** Aborted when the pod is to end: a pull is then no longer waited for. */
  readonly signal: AbortSignal;
}

/** No hook may hold up its pod for longer than this; upstream has no limit. */
const POST_START_TIMEOUT_MS = 24 * 3600_000;

/**
 * Starts one container of a pod. Throws WaitingError, with what the container's status is to show, where it cannot be
 * started now.
 */
export async function startContainer(context: PodContext, scene: StartScene, container: AnyContainer): Promise<void> {
  const { pod, state } = scene;
  const last = newestState(state, container.name);
  checkBackOff(context, pod, container, last);
  const image = await ensureImage(context, scene, container);
  const restartCount = nextRestartCount(pod, container, last);
  const config = await configure(context, scene, container, { image, restartCount });
  const fail = (reason: string, message: string, cause: unknown): WaitingError => {
    containerEvent(context, pod, container, { type: 'Warning', reason: 'Failed', message: `Error: ${message}` });
    return new WaitingError(reason, message, { cause });
  };
  let containerId: string;
  try {
    const { runtime } = context.runtime;
    const request = { podSandboxId: scene.sandbox.id, config, sandboxConfig: scene.sandboxConfig };
    containerId = (await runtime.createContainer(request)).containerId;
  } catch (error) {
    throw fail('CreateContainerError', rpcMessage(error), error);
  }
  containerEvent(context, pod, container, { type: 'Normal', reason: 'Created', message: 'Container created' });
  try {
    await context.runtime.runtime.startContainer({ containerId });
  } catch (error) {
    throw fail('RunContainerError', rpcMessage(error), error);
  }
  containerEvent(context, pod, container, { type: 'Normal', reason: 'Started', message: 'Container started' });
  // Neither is needed for the pod to be ready, so neither is waited for.
  Promise.all([
    linkLog(context, pod, container.name, { containerId, restartCount }),
    removeOld(context, state, container.name),
  ]).catch((error: unknown) =>
    context.log.warn({ err: error, pod: pod.metadata.name }, 'tidying after a start failed'),
  );
  await postStart(context, scene, container, containerId);
}

function checkBackOff(
  context: PodContext,
  pod: Pod,
  container: AnyContainer,
  last: ContainerRunState | undefined,
): void {
  if (last?.state !== 'exited') return;
  const key = backOffKey(pod, container);
  const now = context.clock.now();
  if (context.backOff.remaining(key, last.finishedAt, now) === 0) {
    context.backOff.next(key, last.finishedAt, now);
    return;
  }
  const name = showPod(identityOf(pod));
  containerEvent(context, pod, container, {
    type: 'Warning',
    reason: 'BackOff',
    message: `Back-off restarting failed container ${container.name} in pod ${name}`,
  });
  const wait = goDuration(context.backOff.waitMs(key));
  throw new WaitingError(
    'CrashLoopBackOff',
    `back-off ${wait} restarting failed container=${container.name} pod=${name}`,
  );
}

export function backOffKey(pod: Pod, container: AnyContainer): string {
  return `${pod.metadata.uid}_${container.name}_${containerHash(container)}`;
}

async function ensureImage(context: PodContext, scene: StartScene, container: AnyContainer): Promise<PresentImage> {
  const { pod, signal } = scene;
  const names = (pod.spec.imagePullSecrets ?? []).map(({ name = '' }) => name);
  const namespace = pod.metadata.namespace ?? '';
  const secrets = await Promise.all(names.map((name) => context.references.secret(namespace, name)));
  const credentials = credentialsIn(secrets.filter((secret) => secret !== undefined));
  const ended = Promise.withResolvers<never>();
  const abort = () => ended.reject(new WaitingError('ContainerCreating', 'the pod is being ended'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  ended.promise.catch(() => undefined); // only of interest where the race is lost
  try {
    return await Promise.race([context.images.ensure(pod, container, credentials), ended.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function nextRestartCount(pod: Pod, container: AnyContainer, last: ContainerRunState | undefined): number {
  if (last) return last.restartCount + 1;
  const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  const known = statuses.find((status) => status.name === container.name);
  return known?.containerID ? known.restartCount + 1 : 0;
}

async function configure(
  context: PodContext,
  { pod, state, sandbox }: StartScene,
  container: AnyContainer,
  { image, restartCount }: { readonly image: PresentImage; readonly restartCount: number },
): Promise<ContainerConfig> {
  const target = 'targetContainerName' in container ? container.targetContainerName : undefined;
  try {
    const variables = await environment({
      pod,
      container,
      references: context.references,
      addresses: { podIps: pod.spec.hostNetwork ? context.hostIps : sandbox.ips, hostIps: context.hostIps },
      services: linkedServices(context, pod),
      allocatable: context.allocatable,
      volumeFile: (volume, path) => context.volumes.file(pod, volume, path),
    });
    const mounts = [
      ...(await context.volumes.mounts(pod, container, variables)),
      ...(await ownMounts(context, pod, container, { sandbox, restartCount })),
    ];
    return containerConfig({
      pod,
      container,
      restartCount,
      imageRef: image.ref,
      imageUser: image.user,
      environment: variables,
      mounts,
      devices: [],
      seccompRoot: context.seccompRoot,
      targetId: target ? newestState(state, target, sandbox.id)?.id : undefined,
      memoryCapacity: context.memoryCapacity,
      cgroupV2: context.cgroups.version === 2,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    containerEvent(context, pod, container, { type: 'Warning', reason: 'Failed', message: `Error: ${message}` });
    throw new WaitingError('CreateContainerConfigError', message, { cause: error });
  }
}

function linkedServices(context: PodContext, pod: Pod) {
  const master = context.services.get('kubernetes', 'default');
  const namespace = pod.metadata.namespace ?? '';
  if (pod.spec.enableServiceLinks === false) return master ? [master] : [];
  const own = context.services.list(namespace).filter((service) => service !== master);
  return master ? [master, ...own] : own;
}

/** The files that the agent itself puts into a container: /etc/hosts and the termination message. */
async function ownMounts(
  context: PodContext,
  pod: Pod,
  container: AnyContainer,
  { sandbox, restartCount }: { readonly sandbox: SandboxState; readonly restartCount: number },
): Promise<readonly ReadyMount[]> {
  const folder = context.volumes.podFolder(pod.metadata.uid ?? '');
  const taken = new Set((container.volumeMounts ?? []).map((mount) => mount.mountPath));
  const made = await Promise.all([
    taken.has('/etc/hosts') ? undefined : hostsMount(context, pod, sandbox, join(folder, 'etc-hosts')),
    container.terminationMessagePath
      ? messageMount(container.terminationMessagePath, terminationMessageFile(folder, container.name, restartCount))
      : undefined,
  ]);
  return made.filter((mount) => mount !== undefined);
}

async function hostsMount(context: PodContext, pod: Pod, sandbox: SandboxState, file: string): Promise<ReadyMount> {
  const hostFile = pod.spec.hostNetwork ? await readFile('/etc/hosts', 'utf8').catch(() => '') : '';
  const name = podHostname(pod, context.cluster.domain);
  await writeFile(file, hostsFile(pod, sandbox.ips, name, hostFile), { mode: 0o644 });
  return { hostPath: file, containerPath: '/etc/hosts', readOnly: false };
}

async function messageMount(containerPath: string, file: string): Promise<ReadyMount> {
  await mkdir(dirname(file), { recursive: true, mode: 0o750 });
  await writeFile(file, '');
  await chmod(file, 0o666); // any user of the container may write its last words
  return { hostPath: file, containerPath, readOnly: false };
}

async function linkLog(
  context: PodContext,
  pod: Pod,
  name: string,
  made: { readonly containerId: string; readonly restartCount: number },
): Promise<void> {
  const identity = identityOf(pod);
  const target = join(context.podLogsRoot, logFolder(identity), logPath(name, made.restartCount));
  const link = join(
    context.containerLogsRoot,
    `${identity.name}_${identity.namespace}_${name}-${made.containerId}.log`,
  );
  await mkdir(context.containerLogsRoot, { recursive: true, mode: 0o755 });
  await rm(link, { force: true });
  await symlink(target, link);
}

/** Of containers that have ended only the newest is kept, for its log and its last state. */
async function removeOld(context: PodContext, state: PodRunState, name: string): Promise<void> {
  const ended = state.containers.filter((run) => run.name === name && run.state === 'exited').slice(1);
  for (const run of ended) await removeContainer(context, run, state);
}

async function removeContainer(context: PodContext, run: ContainerRunState, state: PodRunState): Promise<void> {
  try {
    await context.runtime.runtime.removeContainer({ containerId: run.id });
    await rm(run.logPath, { force: true });
  } catch (error) {
    context.log.warn({ err: error, container: run.id, pod: state.uid }, 'an ended container could not be removed');
  }
}

async function postStart(
  context: PodContext,
  scene: StartScene,
  container: AnyContainer,
  containerId: string,
): Promise<void> {
  const hook = container.lifecycle?.postStart;
  if (!hook) return;
  const { pod, sandbox } = scene;
  const target = { container, containerId, podIp: sandbox.ips[0] ?? context.hostIps[0] ?? '' };
  try {
    await runHook(context, hook, target, POST_START_TIMEOUT_MS);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    containerEvent(context, pod, container, {
      type: 'Warning',
      reason: 'FailedPostStartHook',
      message: 'PostStartHook failed',
    });
    containerEvent(context, pod, container, { type: 'Normal', reason: 'Killing', message: 'FailedPostStartHook' });
    const grace = Number(pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    await stopContainer(context, containerId, grace);
    throw new WaitingError('PostStartHookError', message, { cause: error });
  }
}
