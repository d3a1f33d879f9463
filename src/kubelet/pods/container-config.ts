import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Pod } from '#machinery/types/core-v1.ts';
import { bytes, CPU_PERIOD_US, cpuQuota, cpuShares, milliCpu, oomScoreAdj } from '../cgroups/kernel-limits.ts';
import { type AnyContainer, containerHash } from '../containers/containers.ts';
import { expand } from '../containers/expansion.ts';
import type { ImageUser } from '../images/image-manager.ts';
import { type ContainerConfigSchema, MountPropagation } from '../runtime/cri/generated/runtime-v1_pb.ts';
import { CONTAINER_NAME_LABEL, HASH_ANNOTATION, RESTART_COUNT_ANNOTATION } from '../runtime/pod-state.ts';
import type { ReadyMount } from '../volumes/pod-volumes.ts';
import { identityOf } from './identity.ts';
import { identityLabels } from './sandbox-config.ts';
import { containerSecurity, verifyNonRoot } from './security.ts';

export type ContainerConfig = MessageInitShape<typeof ContainerConfigSchema>;

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly restartCount: number;
  /** Image id as the runtime resolved it. */
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly ReadyMount[];
  readonly devices: readonly { readonly hostPath: string; readonly containerPath: string }[];
  readonly seccompRoot: string;
  /** Container whose process namespace an ephemeral container joins. */
  readonly targetId: string | undefined;
  /** Of the node, in bytes. */
  readonly memoryCapacity: number;
  readonly cgroupV2: boolean;
}

const PROPAGATIONS: Readonly<Record<string, MountPropagation>> = {
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
};

/** Where a container writes its log, under the pod's log folder. Source: CRI logging layout. */
export function logPath(container: string, restartCount: number): string {
  return join(container, `${restartCount}.log`);
}

/** What the runtime is told of one container. Throws where its security context cannot be kept. */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, environment } = input;
  verifyNonRoot(pod, container, input.imageUser);
  return {
    metadata: { name: container.name, attempt: input.restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map((word) => expand(word, environment)),
    args: (container.args ?? []).map((word) => expand(word, environment)),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: input.mounts.map((mount) => ({
      hostPath: mount.hostPath,
      containerPath: mount.containerPath,
      readonly: mount.readOnly,
      propagation: PROPAGATIONS[mount.propagation ?? ''] ?? MountPropagation.PROPAGATION_PRIVATE,
    })),
    devices: input.devices.map((device) => ({ ...device, permissions: 'mrw' })),
    labels: { ...identityLabels(identityOf(pod)), [CONTAINER_NAME_LABEL]: container.name },
    annotations: {
      [HASH_ANNOTATION]: containerHash(container),
      [RESTART_COUNT_ANNOTATION]: String(input.restartCount),
      'io.kubernetes.container.terminationMessagePath': container.terminationMessagePath ?? '',
      'io.kubernetes.container.terminationMessagePolicy': container.terminationMessagePolicy ?? '',
      'io.kubernetes.pod.terminationGracePeriod': String(pod.spec.terminationGracePeriodSeconds ?? 30),
    },
    logPath: logPath(container.name, input.restartCount),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: resources(input),
      securityContext: containerSecurity(pod, container, input.imageUser, input),
    },
  };
}

function resources(input: ContainerInput) {
  const { limits, requests } = ('resources' in input.container && input.container.resources) || {};
  const cpuLimit = limits?.cpu === undefined ? undefined : milliCpu(limits.cpu);
  const memory = bytes(limits?.memory);
  const request = requests?.cpu === undefined ? (cpuLimit ?? 0) : milliCpu(requests.cpu);
  const requestBytes = bytes(requests?.memory ?? limits?.memory);
  return {
    cpuShares: BigInt(cpuShares(request)),
    ...(cpuLimit ? { cpuPeriod: BigInt(CPU_PERIOD_US), cpuQuota: BigInt(cpuQuota(cpuLimit)) } : {}),
    memoryLimitInBytes: BigInt(memory),
    oomScoreAdj: BigInt(oomScoreAdj(input.pod, requestBytes, input.memoryCapacity)),
    hugepageLimits: [],
    // One process that runs out of memory takes its whole container along.
    unified: input.cgroupV2 ? { 'memory.oom.group': '1' } : {},
  };
}
