import type { Container, Pod } from '#machinery/types/core-v1.ts';
import { type AnyContainer, containerHash, isSidecar } from '../containers/containers.ts';
import type { ProbeView } from '../probes/probe-manager.ts';
import type { ContainerRunState, PodRunState, SandboxState } from '../runtime/pod-state.ts';

export interface Kill {
  readonly id: string;
  readonly name: string;
  readonly message: string;
  /** The probe that asked for it: its own grace period may hold. */
  readonly probe?: 'liveness' | 'startup';
}

/** What to do next for one pod. Parts are carried out in the order in which they stand here. */
export interface PodPlan {
  /** Stop everything that runs: the sandbox is to be made anew, or nothing is left to run. */
  readonly killPod: boolean;
  /** Make a sandbox, with this number of earlier attempts. */
  readonly createSandbox: { readonly attempt: number } | undefined;
  /** The sandbox to start containers in, where there is one. */
  readonly sandbox: SandboxState | undefined;
  readonly kill: readonly Kill[];
  /** Containers to start now, in order. */
  readonly start: readonly AnyContainer[];
}

/** Newest state of a container in the given sandbox, or in any. */
export function newestState(state: PodRunState, name: string, sandboxId?: string): ContainerRunState | undefined {
  return state.containers.find(
    (container) => container.name === name && (sandboxId === undefined || container.sandboxId === sandboxId),
  );
}

/** Source: pod lifecycle, "Container restart policy"; KEP-5307 for rules of a single container. */
export function shouldRestart(pod: Pod, container: AnyContainer, last: ContainerRunState): boolean {
  if (last.state === 'created' || last.state === 'unknown') return true;
  for (const rule of container.restartPolicyRules ?? []) {
    const values = rule.exitCodes?.values ?? [];
    const listed = values.some((value) => value === last.exitCode);
    if (rule.exitCodes && listed === (rule.exitCodes.operator === 'In')) return rule.action === 'Restart';
  }
  switch (container.restartPolicy ?? pod.spec.restartPolicy) {
    case 'Never':
      return false;
    case 'OnFailure':
      return last.exitCode !== 0;
    default:
      return true;
  }
}

/**
 * Decides for a pod that is to run. Pure and level-triggered. Source: pod lifecycle; KEP-753 for sidecars (init
 * containers that restart always start in order, are waited for until started, and run on).
 */
export function planPod(pod: Pod, state: PodRunState, probes: ProbeView): PodPlan {
  const sandbox = state.sandboxes[0];
  const usable =
    sandbox?.ready === true &&
    state.sandboxes.filter((one) => one.ready).length === 1 &&
    sandbox.hostNetwork === (pod.spec.hostNetwork ?? false) &&
    (sandbox.hostNetwork || sandbox.ips.length > 0);
  if (!sandbox || !usable) return planNewSandbox(pod, state, sandbox);
  const kill: Kill[] = [];
  const start: AnyContainer[] = [];
  const init = planInit(pod, state, sandbox.id, probes);
  kill.push(...init.kill);
  start.push(...init.start);
  for (const ephemeral of pod.spec.ephemeralContainers ?? [])
    if (!newestState(state, ephemeral.name, sandbox.id)) start.push(ephemeral);
  if (init.outcome === 'failed') return { killPod: true, createSandbox: undefined, sandbox, kill: [], start: [] };
  if (init.outcome === 'done') {
    const main = planMain(pod, state, sandbox.id, probes);
    kill.push(...main.kill);
    start.push(...main.start);
    if (main.allDone) return { killPod: true, createSandbox: undefined, sandbox, kill: [], start: [] };
  }
  return { killPod: false, createSandbox: undefined, sandbox, kill, start };
}

function planNewSandbox(pod: Pod, state: PodRunState, old: SandboxState | undefined): PodPlan {
  const attempt = old ? old.attempt + 1 : 0;
  const killPod = old !== undefined;
  const nothing: PodPlan = { killPod, createSandbox: undefined, sandbox: undefined, kill: [], start: [] };
  const restartable = pod.spec.restartPolicy !== 'Never';
  if (!restartable && attempt > 0 && state.containers.length > 0) return nothing;
  const main = (pod.spec.containers ?? []).filter((container) => {
    const last = newestState(state, container.name);
    return !last || last.state !== 'exited' || shouldRestart(pod, container, last);
  });
  if (main.length === 0) return nothing;
  const inits = pod.spec.initContainers ?? [];
  // A first sidecar may be followed by the next once it has started: the next sync sees to it.
  const start = inits[0] ? [inits[0]] : main;
  return { killPod, createSandbox: { attempt }, sandbox: undefined, kill: [], start };
}

interface InitPlan {
  readonly outcome: 'running' | 'done' | 'failed';
  readonly kill: readonly Kill[];
  readonly start: readonly AnyContainer[];
}

function planInit(pod: Pod, state: PodRunState, sandboxId: string, probes: ProbeView): InitPlan {
  const inits = pod.spec.initContainers ?? [];
  const initialized = (pod.spec.containers ?? []).some((container) => newestState(state, container.name, sandboxId));
  const kill: Kill[] = [];
  const start: AnyContainer[] = [];
  const stop = (outcome: InitPlan['outcome']): InitPlan => ({ outcome, kill, start });
  for (const init of inits) {
    const last = newestState(state, init.name, sandboxId);
    if (isSidecar(init)) {
      const next = planSidecar(init, last, probes);
      if (next.kill) kill.push(next.kill);
      if (next.start) start.push(init);
      if (!next.sound && !initialized) return stop('running');
      continue;
    }
    if (initialized) continue;
    if (!last) {
      // Its record may have been removed with the container: whatever comes later proves that it is done.
      start.push(init);
      return stop('running');
    }
    if (last.state === 'running') return stop('running');
    if (last.state === 'exited' && last.exitCode === 0) continue;
    if (last.state === 'exited' && !shouldRestartInit(pod, init, last)) return stop('failed');
    if (last.state === 'unknown') kill.push(unknownState(last));
    start.push(init);
    return stop('running');
  }
  return stop('done');
}

/** Init containers of a pod that restarts always are tried again only when they fail. */
function shouldRestartInit(pod: Pod, init: Container, last: ContainerRunState): boolean {
  if (init.restartPolicyRules?.length || init.restartPolicy) return shouldRestart(pod, init, last);
  return pod.spec.restartPolicy !== 'Never';
}

/** `kill` and `start` where it has to go or to come; what follows it is started only when it is sound. */
function planSidecar(
  sidecar: Container,
  last: ContainerRunState | undefined,
  probes: ProbeView,
): { readonly sound: boolean; readonly kill?: Kill; readonly start: boolean } {
  if (last?.state === 'running') {
    const kill = killReason(sidecar, last, probes);
    return kill ? { sound: false, kill, start: true } : { sound: probes.started(last.id, sidecar), start: false };
  }
  return { sound: false, ...(last?.state === 'unknown' ? { kill: unknownState(last) } : {}), start: true };
}

function planMain(pod: Pod, state: PodRunState, sandboxId: string, probes: ProbeView) {
  const kill: Kill[] = [];
  const start: AnyContainer[] = [];
  let keep = 0;
  for (const container of pod.spec.containers ?? []) {
    const last = newestState(state, container.name, sandboxId) ?? exitedForGood(pod, container, state);
    if (!last || last.state !== 'running') {
      if (last && !shouldRestart(pod, container, last)) continue;
      if (last?.state === 'unknown') kill.push(unknownState(last));
      start.push(container);
      continue;
    }
    const reason = killReason(container, last, probes);
    if (!reason) {
      keep += 1;
      continue;
    }
    kill.push(reason);
    const failed: ContainerRunState = { ...last, state: 'exited', exitCode: 137 };
    if (!reason.probe || shouldRestart(pod, container, failed)) start.push(container);
    else keep += 1; // it ends by itself with the kill; the next sync sees that
  }
  return { kill, start, allDone: keep === 0 && start.length === 0 };
}

/** A container that ended for good in an earlier sandbox is not run again in a new one. */
function exitedForGood(pod: Pod, container: Container, state: PodRunState): ContainerRunState | undefined {
  const last = newestState(state, container.name);
  return last?.state === 'exited' && !shouldRestart(pod, container, last) ? last : undefined;
}

function killReason(container: AnyContainer, last: ContainerRunState, probes: ProbeView): Kill | undefined {
  const base = { id: last.id, name: last.name };
  if (last.hash !== '' && last.hash !== containerHash(container))
    return { ...base, message: `Container ${last.name} definition changed, will be restarted` };
  const probe = probes.failed(last.id);
  if (probe) return { ...base, probe, message: `Container ${last.name} failed ${probe} probe, will be restarted` };
  return undefined;
}

function unknownState(last: ContainerRunState): Kill {
  return {
    id: last.id,
    name: last.name,
    message: `Container is in "Unknown" state, try killing it before restart`,
  };
}
