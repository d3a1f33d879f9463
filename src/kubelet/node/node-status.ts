import { formatTime } from '#machinery/time.ts';
import type { ContainerImage, Node, NodeCondition, NodeStatus, NodeSystemInfo } from '#machinery/types/core-v1.ts';
import type { Machine } from './machine.ts';

/** What a node's status is made from. Pure. */
export interface NodeInput {
  readonly name: string;
  readonly machine: Machine;
  readonly addresses: readonly string[];
  readonly kubeletVersion: string;
  /** `containerd://1.6.20` */
  readonly runtimeVersion: string;
  readonly kubeletPort: number;
  readonly maxPods: number;
  readonly images: readonly ContainerImage[];
  readonly pressure: { readonly memory: boolean; readonly disk: boolean; readonly pid: boolean };
  /** Why the node is not ready, in upstream's words; empty where it is. */
  readonly problems: readonly string[];
  readonly handlers: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Memory kept back from pods, by upstream's default threshold of eviction. */
const MEMORY_RESERVE_BYTES = 100 * 1024 * 1024;
/** Images shown in the status. Upstream's number. */
const MAX_IMAGES = 50;

export function nodeCapacity(machine: Machine, maxPods: number): Readonly<Record<string, string>> {
  return {
    cpu: String(machine.cpus),
    'ephemeral-storage': `${Math.floor(machine.diskBytes / 1024)}Ki`,
    ...machine.hugepages,
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

/** What pods may use of the capacity. */
export function nodeAllocatable(machine: Machine, maxPods: number): Readonly<Record<string, string>> {
  return {
    ...nodeCapacity(machine, maxPods),
    // A tenth of the disk is the threshold at which pods are evicted.
    'ephemeral-storage': String(Math.floor(machine.diskBytes * 0.9)),
    memory: `${Math.floor((machine.memoryBytes - MEMORY_RESERVE_BYTES) / 1024)}Ki`,
  };
}

/** Labels that every node has. */
export function nodeLabels(name: string, machine: Machine): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': machine.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
  };
}

export function nodeStatus(input: NodeInput, old: Node | undefined): NodeStatus {
  const { machine, maxPods } = input;
  return {
    capacity: nodeCapacity(machine, maxPods),
    allocatable: nodeAllocatable(machine, maxPods),
    conditions: conditions(input, old?.status.conditions ?? []),
    addresses: [
      ...input.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: input.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: input.kubeletPort } },
    nodeInfo: systemInfo(input),
    images: input.images.slice(0, MAX_IMAGES),
    runtimeHandlers: input.handlers.map((name) => ({
      name,
      features: { recursiveReadOnlyMounts: false, userNamespaces: false },
    })),
    features: { supplementalGroupsPolicy: false },
  };
}

function systemInfo({ machine, kubeletVersion, runtimeVersion }: NodeInput): NodeSystemInfo {
  return {
    machineID: machine.machineId,
    systemUUID: machine.systemUuid,
    bootID: machine.bootId,
    kernelVersion: machine.kernel,
    osImage: machine.osImage,
    containerRuntimeVersion: runtimeVersion,
    kubeletVersion,
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: machine.architecture,
    swap: { capacity: machine.swapBytes },
  };
}

function conditions(input: NodeInput, old: readonly NodeCondition[]): readonly NodeCondition[] {
  const { memory, disk, pid } = input.pressure;
  const isReady = input.problems.length === 0;
  const wanted: readonly (readonly [string, string, string, string])[] = [
    memory
      ? ['MemoryPressure', 'True', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    disk
      ? ['DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    pid
      ? ['PIDPressure', 'True', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    isReady
      ? ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status']
      : [
          'Ready',
          'False',
          'KubeletNotReady',
          input.problems.length === 1 ? (input.problems[0] ?? '') : `[${input.problems.join(', ')}]`,
        ],
  ];
  const now = formatTime(input.now);
  const names = new Set<string>(wanted.map(([type]) => type));
  return [
    ...old.filter((condition) => !names.has(condition.type)),
    ...wanted.map(([type, status, reason, message]) => {
      const before = old.find((condition) => condition.type === type);
      return {
        type,
        status,
        lastHeartbeatTime: now,
        lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
        reason,
        message,
      };
    }),
  ];
}
