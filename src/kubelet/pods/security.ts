import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Pod, SeccompProfile } from '#machinery/types/core-v1.ts';
import type { AnyContainer } from '../containers/containers.ts';
import type { ImageUser } from '../images/image-manager.ts';
import {
  type LinuxContainerSecurityContextSchema,
  type NamespaceOptionSchema,
  NamespaceMode,
  SecurityProfile_ProfileType,
  type SecurityProfileSchema,
  SupplementalGroupsPolicy,
} from '../runtime/cri/generated/runtime-v1_pb.ts';
import { identityOf, showPod } from './identity.ts';

type ContainerContext = MessageInitShape<typeof LinuxContainerSecurityContextSchema>;
type Namespaces = MessageInitShape<typeof NamespaceOptionSchema>;
type Profile = MessageInitShape<typeof SecurityProfileSchema>;

/** Parts of /proc and /sys that a container must not see, or not write. Source: ProcMount "Default". */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function namespaceOptions(pod: Pod): Namespaces {
  return {
    network: pod.spec.hostNetwork ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: pod.spec.hostPID
      ? NamespaceMode.NODE
      : pod.spec.shareProcessNamespace
        ? NamespaceMode.POD
        : NamespaceMode.CONTAINER,
    ipc: pod.spec.hostIPC ? NamespaceMode.NODE : NamespaceMode.POD,
  };
}

/** Throws with upstream's message where runAsNonRoot cannot be kept. */
export function verifyNonRoot(pod: Pod, container: AnyContainer, image: ImageUser): void {
  const own = container.securityContext;
  if (!(own?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot)) return;
  const where = `(pod: "${showPod(identityOf(pod))}", container: ${container.name})`;
  const user = own?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  if (user !== undefined) {
    if (Number(user) === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.uid === 0) throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  if (image.uid === undefined && image.username)
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  if (image.uid === undefined) throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
}

/** Source: core/v1 SecurityContext and PodSecurityContext; the container's own fields win. */
export function containerSecurity(
  pod: Pod,
  container: AnyContainer,
  image: ImageUser,
  options: { readonly seccompRoot: string; readonly targetId: string | undefined },
): ContainerContext {
  const shared = pod.spec.securityContext;
  const own = container.securityContext;
  const privileged = own?.privileged ?? false;
  const user = own?.runAsUser ?? shared?.runAsUser ?? image.uid;
  const group = own?.runAsGroup ?? shared?.runAsGroup;
  const namespaces = namespaceOptions(pod);
  const appArmor = own?.appArmorProfile ?? shared?.appArmorProfile;
  return {
    privileged,
    capabilities: {
      addCapabilities: [...(own?.capabilities?.add ?? [])],
      dropCapabilities: [...(own?.capabilities?.drop ?? [])],
    },
    namespaceOptions: options.targetId
      ? { ...namespaces, pid: NamespaceMode.TARGET, targetId: options.targetId }
      : namespaces,
    ...(user === undefined ? {} : { runAsUser: { value: BigInt(user) } }),
    ...(user === undefined && image.username ? { runAsUsername: image.username } : {}),
    ...(group === undefined ? {} : { runAsGroup: { value: BigInt(group) } }),
    readonlyRootfs: own?.readOnlyRootFilesystem ?? false,
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy:
      shared?.supplementalGroupsPolicy === 'Strict' ? SupplementalGroupsPolicy.Strict : SupplementalGroupsPolicy.Merge,
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    seccomp: seccomp(own?.seccompProfile ?? shared?.seccompProfile, options.seccompRoot),
    ...(appArmor ? { apparmor: profile(appArmor.type, appArmor.localhostProfile ?? '') } : {}),
    ...((own?.seLinuxOptions ?? shared?.seLinuxOptions)
      ? { selinuxOptions: own?.seLinuxOptions ?? shared?.seLinuxOptions ?? {} }
      : {}),
    ...(own?.procMount === 'Unmasked' || privileged
      ? {}
      : { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }),
  };
}

export function supplementalGroups(pod: Pod): bigint[] {
  const shared = pod.spec.securityContext;
  const groups = [...(shared?.supplementalGroups ?? []), ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup])];
  return groups.map(BigInt);
}

/** Without a profile a container runs unconfined, as upstream has it by default. */
export function seccomp(given: SeccompProfile | undefined, root: string): Profile {
  if (given?.type === 'Localhost') {
    // CVE-2023-2431: an empty path must not mean "no profile".
    if (!given.localhostProfile) throw new Error('localhostProfile must be set if seccompProfile type is Localhost.');
    return profile('Localhost', join(root, given.localhostProfile));
  }
  return profile(given?.type ?? 'Unconfined', '');
}

function profile(type: string, localhostRef: string): Profile {
  switch (type) {
    case 'RuntimeDefault':
      return { profileType: SecurityProfile_ProfileType.RuntimeDefault };
    case 'Localhost':
      return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef };
    default:
      return { profileType: SecurityProfile_ProfileType.Unconfined };
  }
}
