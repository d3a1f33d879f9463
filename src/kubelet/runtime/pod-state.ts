import type { ContainerRuntime } from './connect.ts';
import { isNotFound } from './connect.ts';
import {
  type ContainerStatus,
  ContainerState as CriContainerState,
  NamespaceMode,
  PodSandboxState,
  type PodSandboxStatus,
} from './cri/generated/runtime-v1_pb.ts';

/** Labels under which what belongs to a pod is found in the runtime. Upstream's names, so that other tools see it. */
export const POD_NAME_LABEL = 'io.kubernetes.pod.name';
export const POD_NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
export const POD_UID_LABEL = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME_LABEL = 'io.kubernetes.container.name';
export const HASH_ANNOTATION = 'io.kubernetes.container.hash';
export const RESTART_COUNT_ANNOTATION = 'io.kubernetes.container.restartCount';

export interface SandboxState {
  readonly id: string;
  readonly ready: boolean;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly attempt: number;
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
}

export interface ContainerRunState {
  readonly id: string;
  readonly name: string;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly restartCount: number;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  /** Of the definition that it was made from. */
  readonly hash: string;
  readonly logPath: string;
  readonly sandboxId: string;
  readonly user:
    | { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] }
    | undefined;
}

/** What the runtime has of one pod. Both lists are newest first. */
export interface PodRunState {
  readonly uid: string;
  readonly sandboxes: readonly SandboxState[];
  readonly containers: readonly ContainerRunState[];
}

/** One line of a listing: enough to see whether a pod has changed. */
export interface PodSummary {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Ids and states of all sandboxes and containers, in a form that can be compared. */
  readonly fingerprint: string;
  /** Ids of containers that run and of sandboxes that are ready. */
  readonly alive: readonly string[];
}

/** Every pod that the runtime has something of. */
export async function listPods({ runtime }: ContainerRuntime): Promise<ReadonlyMap<string, PodSummary>> {
  const [{ items: sandboxes }, { containers }] = await Promise.all([
    runtime.listPodSandbox({}),
    runtime.listContainers({}),
  ]);
  const parts = new Map<string, { name: string; namespace: string; items: string[]; alive: string[] }>();
  const add = (
    item: { readonly id: string; readonly state: number; readonly labels: Record<string, string> },
    isAlive: boolean,
  ) => {
    const uid = item.labels[POD_UID_LABEL];
    if (uid === undefined) return;
    const { [POD_NAME_LABEL]: name = '', [POD_NAMESPACE_LABEL]: namespace = '' } = item.labels;
    const entry = parts.get(uid) ?? { name, namespace, items: [], alive: [] };
    entry.items.push(`${item.id}=${item.state}`);
    if (isAlive) entry.alive.push(item.id);
    parts.set(uid, entry);
  };
  for (const sandbox of sandboxes) add(sandbox, sandbox.state === PodSandboxState.SANDBOX_READY);
  for (const container of containers) add(container, container.state === CriContainerState.CONTAINER_RUNNING);
  return new Map(
    [...parts].map(([uid, { name, namespace, items, alive }]) => [
      uid,
      { uid, name, namespace, fingerprint: items.sort().join(), alive },
    ]),
  );
}

/** Looks closely at one pod. What vanishes between listing and looking is left out. */
export async function inspectPod({ runtime }: ContainerRuntime, uid: string): Promise<PodRunState> {
  const labelSelector = { [POD_UID_LABEL]: uid };
  const [{ items }, listed] = await Promise.all([
    runtime.listPodSandbox({ filter: { labelSelector } }),
    runtime.listContainers({ filter: { labelSelector } }),
  ]);
  const sandboxIds = new Map(listed.containers.map((container) => [container.id, container.podSandboxId]));
  const [sandboxes, containers] = await Promise.all([
    Promise.all(
      items.map((item) => present(runtime.podSandboxStatus({ podSandboxId: item.id }).then(({ status }) => status))),
    ),
    Promise.all(
      listed.containers.map((container) =>
        present(runtime.containerStatus({ containerId: container.id }).then(({ status }) => status)),
      ),
    ),
  ]);
  return {
    uid,
    sandboxes: sandboxes
      .filter((status) => status !== undefined)
      .map(sandboxState)
      .sort((a, b) => b.createdAt - a.createdAt),
    containers: containers
      .filter((status) => status !== undefined)
      .map((status) => containerState(status, sandboxIds.get(status.id) ?? ''))
      .sort((a, b) => b.createdAt - a.createdAt),
  };
}

/** Looks closely at one sandbox that is known to be there. */
export async function inspectSandbox(
  { runtime }: ContainerRuntime,
  podSandboxId: string,
): Promise<SandboxState | undefined> {
  const { status } = await runtime.podSandboxStatus({ podSandboxId });
  return status && sandboxState(status);
}

async function present<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const NANOSECONDS_PER_MS = 1_000_000n;

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / NANOSECONDS_PER_MS);
}

function sandboxState(status: PodSandboxStatus): SandboxState {
  return {
    id: status.id,
    ready: status.state === PodSandboxState.SANDBOX_READY,
    createdAt: milliseconds(status.createdAt),
    attempt: status.metadata?.attempt ?? 0,
    ips: [status.network?.ip ?? '', ...(status.network?.additionalIps ?? []).map(({ ip }) => ip)].filter(Boolean),
    hostNetwork: status.linux?.namespaces?.options?.network === NamespaceMode.NODE,
  };
}

const STATES: Readonly<Record<CriContainerState, ContainerRunState['state']>> = {
  [CriContainerState.CONTAINER_CREATED]: 'created',
  [CriContainerState.CONTAINER_RUNNING]: 'running',
  [CriContainerState.CONTAINER_EXITED]: 'exited',
  [CriContainerState.CONTAINER_UNKNOWN]: 'unknown',
};

function containerState(status: ContainerStatus, sandboxId: string): ContainerRunState {
  const user = status.user?.linux;
  return {
    id: status.id,
    name: status.labels[CONTAINER_NAME_LABEL] ?? status.metadata?.name ?? '',
    state: STATES[status.state] ?? 'unknown',
    restartCount: Number(status.annotations[RESTART_COUNT_ANNOTATION] ?? 0),
    createdAt: milliseconds(status.createdAt),
    startedAt: milliseconds(status.startedAt),
    finishedAt: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    image: status.image?.image ?? '',
    imageId: status.imageRef,
    hash: status.annotations[HASH_ANNOTATION] ?? '',
    logPath: status.logPath,
    sandboxId,
    user: user && {
      uid: Number(user.uid),
      gid: Number(user.gid),
      supplementalGroups: user.supplementalGroups.map(Number),
    },
  };
}
