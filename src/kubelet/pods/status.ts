import { formatTime } from '#machinery/time.ts';
import type {
  Container,
  ContainerState,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '#machinery/types/core-v1.ts';
import { qosClassOf } from '#resources/core/pod/qos.ts';
import { type AnyContainer, isSidecar } from '../containers/containers.ts';
import type { ContainerRunState, PodRunState } from '../runtime/pod-state.ts';

/** All that a pod's status is made from. */
export interface StatusInput {
  readonly pod: Pod;
  readonly state: PodRunState;
  /** Why a container cannot be started now (ErrImagePull, CrashLoopBackOff, ...), by its name. */
  readonly waiting: ReadonlyMap<string, ContainerStateWaiting>;
  /** Messages of ended containers, by container id, where the runtime has none. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  readonly probes: {
    started(containerId: string, container: AnyContainer): boolean;
    ready(containerId: string, container: AnyContainer): boolean;
  };
  readonly hostIps: readonly string[];
  /** The runtime's name, the scheme of container ids: `containerd`. */
  readonly runtimeName: string;
  /** Nothing is started any more: the pod is being deleted, or was ended by us. */
  readonly terminating: boolean;
  /** Set where the agent itself ended the pod (deadline, eviction). */
  readonly verdict?: { readonly reason: string; readonly message: string } | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The status that the API is to have. Source: pod lifecycle; core/v1 PodStatus. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, state } = input;
  const old = pod.status;
  const inits = (pod.spec.initContainers ?? []).map((container) => containerStatus(input, container, 'init'));
  const mains = (pod.spec.containers ?? []).map((container) => containerStatus(input, container, 'main'));
  const ephemerals = (pod.spec.ephemeralContainers ?? []).map((container) =>
    containerStatus(input, container, 'ephemeral'),
  );
  const phase = decidePhase(input, inits, mains);
  const ips = pod.spec.hostNetwork
    ? input.hostIps
    : (state.sandboxes[0]?.ips.length ?? 0) > 0
      ? (state.sandboxes[0]?.ips ?? [])
      : (old.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== undefined);
  const showIps = ips.length > 0 && (pod.spec.hostNetwork || state.sandboxes.length > 0);
  const generation = pod.metadata.generation;
  const reason = input.verdict?.reason ?? (phase === 'Failed' ? old.reason : undefined);
  const message = input.verdict?.message ?? (phase === 'Failed' ? old.message : undefined);
  return {
    phase,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: conditions(input, phase, inits, mains),
    ...(input.hostIps[0] ? { hostIP: input.hostIps[0], hostIPs: input.hostIps.map((ip) => ({ ip })) } : {}),
    ...(showIps && ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
    startTime: old.startTime ?? formatTime(input.now),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: mains,
    ...(ephemerals.length > 0 ? { ephemeralContainerStatuses: ephemerals } : {}),
    qosClass: old.qosClass ?? qosClassOf(pod.spec),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

type Kind = 'init' | 'main' | 'ephemeral';

function containerStatus(input: StatusInput, container: AnyContainer, kind: Kind): ContainerStatus {
  const { pod, state } = input;
  const runs = state.containers.filter((run) => run.name === container.name);
  const newest = runs[0];
  const older = listed(pod, kind).find((status) => status.name === container.name);
  const waiting = input.waiting.get(container.name);
  const base = {
    name: container.name,
    image: newest?.image || (container.image ?? ''),
    imageID: newest?.imageId ?? '',
    restartCount: newest?.restartCount ?? older?.restartCount ?? 0,
  };
  if (!newest) {
    if (older?.state.terminated || older?.state.running) return forgotten(input, older);
    const reason = waiting ?? { reason: needsInit(input, kind) ? 'PodInitializing' : 'ContainerCreating' };
    return { ...base, state: { waiting: reason }, lastState: {}, ready: false, ...started(kind, false) };
  }
  const previous = runs.find((run, index) => index > 0 && run.state === 'exited');
  const details = {
    ...base,
    containerID: `${input.runtimeName}://${newest.id}`,
    ...resourcesOf(container),
    ...mountsOf(container),
    ...(newest.user ? { user: { linux: newest.user } } : {}),
  };
  const lastState: ContainerState = previous ? { terminated: terminated(input, previous) } : {};
  switch (newest.state) {
    case 'running': {
      const isStarted = input.probes.started(newest.id, container);
      return {
        ...details,
        state: { running: { startedAt: formatTime(newest.startedAt) } },
        lastState,
        ready:
          kind !== 'ephemeral' &&
          isStarted &&
          !isRegularInit(container, kind) &&
          input.probes.ready(newest.id, container),
        ...started(kind, isStarted),
      };
    }
    case 'exited': {
      const ended = terminated(input, newest);
      if (waiting && !input.terminating)
        return {
          ...details,
          state: { waiting },
          lastState: { terminated: ended },
          ready: false,
          ...started(kind, false),
        };
      const ready = isRegularInit(container, kind) && newest.exitCode === 0;
      return { ...details, state: { terminated: ended }, lastState, ready, ...started(kind, false) };
    }
    default:
      return {
        ...details,
        state: { waiting: waiting ?? { reason: 'ContainerCreating' } },
        lastState,
        ready: false,
        ...started(kind, false),
      };
  }
}

function listed(pod: Pod, kind: Kind): readonly ContainerStatus[] {
  switch (kind) {
    case 'init':
      return pod.status.initContainerStatuses ?? [];
    case 'main':
      return pod.status.containerStatuses ?? [];
    case 'ephemeral':
      return pod.status.ephemeralContainerStatuses ?? [];
  }
}

function started(kind: Kind, value: boolean): { started?: boolean } {
  return kind === 'ephemeral' ? {} : { started: value };
}

function isRegularInit(container: AnyContainer, kind: Kind): boolean {
  return kind === 'init' && container.restartPolicy !== 'Always';
}

/** The runtime has lost a container that the API knew: what is known last stays, and one that ran has ended. */
function forgotten(input: StatusInput, older: ContainerStatus): ContainerStatus {
  if (!older.state.running) return older;
  const ended: ContainerState = {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      startedAt: older.state.running.startedAt,
      finishedAt: formatTime(input.now),
    },
  };
  const rest = { ...older, ready: false, started: false };
  if (input.terminating) return { ...rest, state: ended };
  return { ...rest, state: { waiting: { reason: 'ContainerCreating' } }, lastState: ended };
}

function terminated(input: StatusInput, run: ContainerRunState): NonNullable<ContainerState['terminated']> {
  const message = input.terminationMessages.get(run.id) || run.message;
  return {
    exitCode: run.exitCode,
    reason: run.reason || (run.exitCode === 0 ? 'Completed' : 'Error'),
    ...(message ? { message } : {}),
    startedAt: formatTime(Math.max(run.startedAt, 0)),
    finishedAt: formatTime(Math.max(run.finishedAt, 0)),
    containerID: `${input.runtimeName}://${run.id}`,
  };
}

function resourcesOf(container: AnyContainer): Partial<ContainerStatus> {
  const resources = 'resources' in container ? container.resources : undefined;
  if (!resources || Object.keys(resources).length === 0) return { resources: {} };
  const requests = resources.requests ?? resources.limits;
  return { resources, ...(requests ? { allocatedResources: requests } : {}) };
}

function mountsOf(container: AnyContainer): Partial<ContainerStatus> {
  const mounts = container.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map((mount) => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}),
    })),
  };
}

/** Whether an init container that has to end is still to come or has not ended. */
function needsInit(input: StatusInput, kind: Kind): boolean {
  if (kind === 'init') return (input.pod.spec.initContainers ?? []).length > 0;
  return (input.pod.spec.initContainers?.length ?? 0) > 0;
}

function decidePhase(input: StatusInput, inits: readonly ContainerStatus[], mains: readonly ContainerStatus[]): string {
  const old = input.pod.status.phase;
  if (old === 'Succeeded' || old === 'Failed') return old;
  const running = input.state.containers.some((run) => run.state === 'running');
  const phase = input.verdict ? 'Failed' : phaseOf(input, inits, mains);
  // A pod is over only when nothing of it runs any more.
  if ((phase === 'Succeeded' || phase === 'Failed') && running)
    return old === 'Pending' && !input.verdict ? 'Running' : (old ?? 'Running');
  return phase;
}

function phaseOf(input: StatusInput, inits: readonly ContainerStatus[], mains: readonly ContainerStatus[]): string {
  const policy = input.pod.spec.restartPolicy;
  const sidecars = new Set((input.pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name));
  let pendingInit = false;
  let failedInit = false;
  for (const status of inits) {
    const ended = status.state.terminated ?? (status.state.waiting ? status.lastState.terminated : undefined);
    if (sidecars.has(status.name)) pendingInit ||= status.started !== true;
    else if (ended) {
      failedInit ||= ended.exitCode !== 0;
      pendingInit ||= ended.exitCode !== 0 && policy !== 'Never';
    } else pendingInit = true;
  }
  if (failedInit && policy === 'Never') return 'Failed';
  let waiting = 0;
  let running = 0;
  const ended: number[] = [];
  for (const status of mains) {
    if (status.state.running) running += 1;
    else if (status.state.terminated) ended.push(status.state.terminated.exitCode);
    else if (status.lastState.terminated) ended.push(status.lastState.terminated.exitCode);
    else waiting += 1;
  }
  const isOver = input.terminating || input.verdict !== undefined;
  if (isOver && running === 0 && mains.length > 0) {
    // Deleted before it ever ran, or cut off: only a clean end of every container is a success.
    return ended.length === mains.length && ended.every((code) => code === 0) && !failedInit ? 'Succeeded' : 'Failed';
  }
  if (pendingInit && running === 0 && ended.length === 0) return 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (ended.length === 0) return 'Pending';
  if (policy === 'Always') return 'Running';
  if (willRestart(input, mains)) return 'Running';
  if (ended.every((code) => code === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** Rules of single containers may restart what the pod's policy would not. */
function willRestart(input: StatusInput, mains: readonly ContainerStatus[]): boolean {
  return (input.pod.spec.containers ?? []).some((container, index) => {
    if (container.restartPolicy === undefined && !container.restartPolicyRules?.length) return false;
    const code = mains[index]?.state.terminated?.exitCode ?? mains[index]?.lastState.terminated?.exitCode ?? 0;
    for (const rule of container.restartPolicyRules ?? []) {
      const listedCode = (rule.exitCodes?.values ?? []).includes(code);
      if (rule.exitCodes && listedCode === (rule.exitCodes.operator === 'In')) return true;
    }
    return container.restartPolicy === 'Always' || (container.restartPolicy === 'OnFailure' && code !== 0);
  });
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

function conditions(
  input: StatusInput,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): readonly PodCondition[] {
  const sandbox = input.state.sandboxes[0];
  const ready = containersReady(input, phase, inits, mains);
  const hasNetwork = sandbox?.ready === true && (sandbox.hostNetwork || sandbox.ips.length > 0);
  const owned: readonly [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: hasNetwork ? 'True' : 'False' }],
    ['Initialized', initialized(input, phase, inits, mains)],
    ['Ready', podReady(input, ready)],
    ['ContainersReady', ready],
    ['PodScheduled', { status: 'True' }],
  ];
  const old = new Map((input.pod.status.conditions ?? []).map((condition) => [condition.type, condition]));
  const names = new Set(owned.map(([type]) => type));
  return [
    ...owned.map(([type, verdict]) => {
      const before = old.get(type);
      const kept = before?.status === verdict.status && before.lastTransitionTime;
      return {
        type,
        ...(input.pod.metadata.generation === undefined ? {} : { observedGeneration: input.pod.metadata.generation }),
        status: verdict.status,
        lastProbeTime: null as unknown as string, // the API shows the field as null; nobody ever sets it
        lastTransitionTime: kept || formatTime(input.now),
        ...(verdict.reason ? { reason: verdict.reason } : {}),
        ...(verdict.message ? { message: verdict.message } : {}),
      };
    }),
    ...(input.pod.status.conditions ?? []).filter((condition) => !names.has(condition.type)),
  ];
}

function initialized(
  input: StatusInput,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Verdict {
  const specs = new Map((input.pod.spec.initContainers ?? []).map((container) => [container.name, container]));
  const mainHasRun = mains.some(
    (status) => status.state.running ?? status.state.terminated ?? status.lastState.terminated,
  );
  const incomplete = inits.filter((status) => {
    const spec: Container | undefined = specs.get(status.name);
    if (spec && isSidecar(spec)) return !mainHasRun && status.started !== true;
    return !status.ready && !mainHasRun;
  });
  if (incomplete.length > 0)
    return {
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: `containers with incomplete status: [${incomplete.map((status) => status.name).join(' ')}]`,
    };
  return phase === 'Succeeded' ? { status: 'True', reason: 'PodCompleted' } : { status: 'True' };
}

function containersReady(
  input: StatusInput,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = new Set((input.pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name));
  const unready = [...inits.filter((status) => sidecars.has(status.name)), ...mains].filter((status) => !status.ready);
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.map((status) => status.name).join(' ')}]`,
  };
}

function podReady(input: StatusInput, containers: Verdict): Verdict {
  if (containers.status !== 'True') return containers;
  const present = new Map((input.pod.status.conditions ?? []).map((condition) => [condition.type, condition.status]));
  const messages = (input.pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const status = present.get(conditionType);
    if (status === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (status !== 'True') return [`the status of pod readiness gate "${conditionType}" is not "True", but ${status}`];
    return [];
  });
  if (messages.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}
