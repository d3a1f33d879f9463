import type { Pod } from '#machinery/types/core-v1.ts';
import { containerEvent } from '../containers/container-event.ts';
import { type AnyContainer, allContainers, sidecarNames } from '../containers/containers.ts';
import { isNotFound } from '../runtime/connect.ts';
import type { ContainerRunState, PodRunState } from '../runtime/pod-state.ts';
import { runHook } from './hooks.ts';
import type { PodContext } from './pod-context.ts';

/** A container always gets this long after its preStop hook. Upstream's number. */
const MIN_GRACE_MS = 2_000;
/** Beyond the grace period the runtime has this long to kill and clean up. */
const STOP_MARGIN_MS = 120_000;

export interface KillOptions {
  readonly message: string;
  readonly graceMs: number;
}

/** Milliseconds that a pod's containers have to end by themselves. */
export function gracePeriodMs(pod: Pod): number {
  return Number(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
}

/** Ends one container: preStop hook, SIGTERM, and SIGKILL when the grace period is over. */
export async function killContainer(
  context: PodContext,
  pod: Pod,
  run: ContainerRunState,
  { message, graceMs }: KillOptions,
): Promise<void> {
  const { clock, log } = context;
  const container: AnyContainer | undefined = allContainers(pod).find((one) => one.name === run.name);
  const begun = clock.now();
  if (container) containerEvent(context, pod, container, { type: 'Normal', reason: 'Killing', message });
  const hook = container?.lifecycle?.preStop;
  if (container && hook && graceMs > 0 && run.state === 'running') {
    const target = { container, containerId: run.id, podIp: pod.status.podIP ?? '' };
    try {
      await runHook(context, hook, target, graceMs);
    } catch (error) {
      log.debug({ err: error, pod: pod.metadata.name, container: run.name }, 'a preStop hook failed');
      containerEvent(context, pod, container, {
        type: 'Warning',
        reason: 'FailedPreStopHook',
        message: 'PreStopHook failed',
      });
    }
  }
  const left = graceMs === 0 ? 0 : Math.max(graceMs - (clock.now() - begun), MIN_GRACE_MS);
  await stopContainer(context, run.id, graceMs > 0 && graceMs < MIN_GRACE_MS ? graceMs : left);
}

/** Sends the stop signal now and SIGKILL after `graceMs`; returns when the container has ended. */
export async function stopContainer(context: PodContext, containerId: string, graceMs: number): Promise<void> {
  try {
    await context.runtime.runtime.stopContainer(
      { containerId, timeout: BigInt(Math.ceil(graceMs / 1000)) },
      { timeoutMs: graceMs + STOP_MARGIN_MS },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Ends everything of a pod: ordinary containers together, then sidecars, the last one first. Source: KEP-753. */
export async function killAllContainers(
  context: PodContext,
  pod: Pod,
  state: PodRunState,
  options: { readonly graceMs: number; readonly message?: string },
): Promise<void> {
  const { clock } = context;
  const alive = state.containers.filter((run) => run.state === 'running' || run.state === 'unknown');
  const sidecars = sidecarNames(pod);
  const begun = clock.now();
  const kill = (run: ContainerRunState, graceMs: number) =>
    killContainer(context, pod, run, { message: options.message ?? `Stopping container ${run.name}`, graceMs });
  await Promise.all(alive.filter((run) => !sidecars.includes(run.name)).map((run) => kill(run, options.graceMs)));
  for (const name of sidecars.toReversed()) {
    const run = alive.find((one) => one.name === name);
    if (!run) continue;
    const left = options.graceMs === 0 ? 0 : Math.max(options.graceMs - (clock.now() - begun), MIN_GRACE_MS);
    await kill(run, left);
  }
}

/** Ends the sandboxes of a pod, and with them its network. */
export async function stopSandboxes(context: PodContext, state: PodRunState): Promise<void> {
  for (const sandbox of state.sandboxes) {
    if (!sandbox.ready) continue;
    try {
      await context.runtime.runtime.stopPodSandbox({ podSandboxId: sandbox.id });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Removes all that the runtime keeps of a pod that has ended: containers, sandboxes, and so their logs' last readers. */
export async function removeFromRuntime(context: PodContext, state: PodRunState): Promise<void> {
  const { runtime } = context.runtime;
  const quietly = async (call: Promise<unknown>) => {
    try {
      await call;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  await Promise.all(state.containers.map((run) => quietly(runtime.removeContainer({ containerId: run.id }))));
  for (const sandbox of state.sandboxes) {
    await quietly(runtime.stopPodSandbox({ podSandboxId: sandbox.id }));
    await quietly(runtime.removePodSandbox({ podSandboxId: sandbox.id }));
  }
}
