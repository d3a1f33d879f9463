import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Pod } from '#machinery/types/core-v1.ts';
import { cpuQuota, CPU_PERIOD_US, cpuShares, kernelLimits } from '../cgroups/kernel-limits.ts';
import { type PodSandboxConfigSchema, Protocol } from '../runtime/cri/generated/runtime-v1_pb.ts';
import { POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL } from '../runtime/pod-state.ts';
import { podHostname, podResolver, type ResolverConfig } from './dns.ts';
import { identityOf, logFolder } from './identity.ts';
import { namespaceOptions, seccomp, supplementalGroups } from './security.ts';

export type SandboxConfig = MessageInitShape<typeof PodSandboxConfigSchema>;

export interface SandboxInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly cgroupParent: string;
  readonly podLogsRoot: string;
  readonly seccompRoot: string;
  readonly hostResolver: ResolverConfig;
  readonly cluster: { readonly dns: readonly string[]; readonly domain: string };
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: Protocol.TCP, UDP: Protocol.UDP, SCTP: Protocol.SCTP };

/** What the runtime is told of a pod as a whole. */
export function sandboxConfig(input: SandboxInput): SandboxConfig {
  const { pod } = input;
  const identity = identityOf(pod);
  const resolver = podResolver(pod, input.hostResolver, input.cluster);
  const shared = pod.spec.securityContext;
  const { hostname, domain } = podHostname(pod, input.cluster.domain);
  const shownHostname = pod.spec.setHostnameAsFQDN && domain ? `${hostname}.${domain}` : hostname;
  return {
    metadata: { ...identity, attempt: input.attempt },
    ...(pod.spec.hostNetwork ? {} : { hostname: shownHostname }),
    logDirectory: join(input.podLogsRoot, logFolder(identity)),
    dnsConfig: { servers: [...resolver.servers], searches: [...resolver.searches], options: [...resolver.options] },
    portMappings: portMappings(pod),
    labels: { ...pod.metadata.labels, ...identityLabels(identity) },
    annotations: { ...pod.metadata.annotations, 'kubernetes.io/config.source': 'api' },
    linux: {
      cgroupParent: input.cgroupParent,
      sysctls: Object.fromEntries((shared?.sysctls ?? []).map(({ name, value }) => [name, value])),
      securityContext: {
        privileged: hasPrivileged(pod),
        namespaceOptions: namespaceOptions(pod),
        ...(shared?.runAsUser === undefined ? {} : { runAsUser: { value: BigInt(shared.runAsUser) } }),
        ...(shared?.runAsUser !== undefined && shared.runAsGroup !== undefined
          ? { runAsGroup: { value: BigInt(shared.runAsGroup) } }
          : {}),
        supplementalGroups: supplementalGroups(pod),
        // The sandbox runs our own program only: it is always confined.
        seccomp: seccomp({ type: 'RuntimeDefault' }, input.seccompRoot),
      },
      resources: sandboxResources(pod),
    },
  };
}

export function identityLabels({ uid, name, namespace }: ReturnType<typeof identityOf>): Record<string, string> {
  return { [POD_NAME_LABEL]: name, [POD_NAMESPACE_LABEL]: namespace, [POD_UID_LABEL]: uid };
}

function hasPrivileged(pod: Pod): boolean {
  return [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].some(
    (container) => container.securityContext?.privileged,
  );
}

/** Host ports are carried out by the service proxy's table; the runtime is told of them for its records. */
function portMappings(pod: Pod) {
  return (pod.spec.containers ?? []).flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => ({
        protocol: PROTOCOLS[port.protocol ?? 'TCP'] ?? Protocol.TCP,
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      })),
  );
}

function sandboxResources(pod: Pod) {
  const amounts = kernelLimits(pod);
  return {
    cpuShares: BigInt(cpuShares(amounts.requestMilliCpu)),
    ...(amounts.limitMilliCpu === undefined
      ? {}
      : { cpuPeriod: BigInt(CPU_PERIOD_US), cpuQuota: BigInt(cpuQuota(amounts.limitMilliCpu)) }),
    ...(amounts.limitBytes === undefined ? {} : { memoryLimitInBytes: BigInt(amounts.limitBytes) }),
  };
}
