import type { Pod } from '#machinery/types/core-v1.ts';
import { type AnyContainer, type Check, details, failing, gathered, hasOwnUsers, quoted } from './check.ts';

const DEFAULT_CAPABILITIES = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

const APPARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';

/** Sysctls that are kept apart for each pod, and the minor version that allowed them. */
const SAFE_SYSCTLS: Readonly<Record<string, number>> = {
  'kernel.shm_rmid_forced': 0,
  'net.ipv4.ip_local_port_range': 0,
  'net.ipv4.tcp_syncookies': 0,
  'net.ipv4.ping_group_range': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.ipv4.ip_local_reserved_ports': 27,
  'net.ipv4.tcp_keepalive_time': 29,
  'net.ipv4.tcp_fin_timeout': 29,
  'net.ipv4.tcp_keepalive_intvl': 29,
  'net.ipv4.tcp_keepalive_probes': 29,
  'net.ipv4.tcp_rmem': 32,
  'net.ipv4.tcp_wmem': 32,
};

/** In the order in which violations are named. */
export const baselineChecks: Readonly<Record<string, Check>> = {
  appArmorProfile: {
    level: 'baseline',
    since: 0,
    reason: 'forbidden AppArmor profile',
    violation({ metadata, spec }) {
      const annotations = Object.entries(metadata.annotations ?? {})
        .filter(([key, value]) => key.startsWith(APPARMOR_PREFIX) && !allowedAppArmor(value))
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .sort();
      const isBad = (type: string | undefined) =>
        type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
      const pod = isBad(spec.securityContext?.appArmorProfile?.type);
      const containers = failing({ metadata, spec } as Pod, (each) =>
        isBad(each.securityContext?.appArmorProfile?.type),
      );
      return details(
        annotations.length > 0 && annotations.join(', '),
        pod && 'pod must not set AppArmor profile type to "Unconfined"',
        containers && `${containers} must not set AppArmor profile type to "Unconfined"`,
      );
    },
  },
  capabilities_baseline: {
    level: 'baseline',
    since: 0,
    reason: 'non-default capabilities',
    violation(pod) {
      const added = ({ securityContext }: AnyContainer) =>
        (securityContext?.capabilities?.add ?? []).filter((capability) => !DEFAULT_CAPABILITIES.has(capability));
      const who = failing(pod, (container) => added(container).length > 0);
      return who && `${who} must not include ${quoted(gathered(pod, added))} in securityContext.capabilities.add`;
    },
  },
  hostNamespaces: {
    level: 'baseline',
    since: 0,
    reason: 'host namespaces',
    violation({ spec }) {
      const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
      return set.length > 0 ? set.map((field) => `${field}=true`).join(', ') : undefined;
    },
  },
  hostPathVolumes: {
    level: 'baseline',
    since: 0,
    reason: 'hostPath volumes',
    violation({ spec }) {
      const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
      return names.length > 0 ? `${names.length > 1 ? 'volumes' : 'volume'} ${quoted(names)}` : undefined;
    },
  },
  hostPorts: {
    level: 'baseline',
    since: 0,
    reason: 'hostPort',
    violation(pod) {
      const ports = ({ ports: list }: AnyContainer) =>
        (list ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
      const who = failing(pod, (container) => ports(container).length > 0);
      const used = gathered(pod, ports);
      return (
        who &&
        `${who} ${who.startsWith('containers') ? 'use' : 'uses'} ${used.length > 1 ? 'hostPorts' : 'hostPort'} ${used.join(', ')}`
      );
    },
  },
  hostProbesAndHostLifecycle: {
    level: 'baseline',
    since: 34,
    reason: 'probe or lifecycle host',
    violation(pod) {
      const who = failing(pod, (container) => hostsOf(container).length > 0);
      return who && `${who} must not set probe or lifecycle host ${quoted(gathered(pod, hostsOf))}`;
    },
  },
  privileged: {
    level: 'baseline',
    since: 0,
    reason: 'privileged',
    violation(pod) {
      const who = failing(pod, ({ securityContext }) => securityContext?.privileged === true);
      return who && `${who} must not set securityContext.privileged=true`;
    },
  },
  procMount: {
    level: 'baseline',
    since: 0,
    reason: 'procMount',
    violation(pod, minor) {
      if (hasOwnUsers(pod, minor)) return undefined;
      const mounts = ({ securityContext }: AnyContainer) =>
        [securityContext?.procMount ?? 'Default'].filter((type) => type !== 'Default');
      const who = failing(pod, (container) => mounts(container).length > 0);
      return who && `${who} must not set securityContext.procMount to ${quoted(gathered(pod, mounts))}`;
    },
  },
  seLinuxOptions: {
    level: 'baseline',
    since: 0,
    reason: 'seLinuxOptions',
    violation(pod, minor) {
      const types = [
        '',
        'container_t',
        'container_init_t',
        'container_kvm_t',
        ...(minor >= 31 ? ['container_engine_t'] : []),
      ];
      const isBad = (options: { readonly type?: string; readonly user?: string; readonly role?: string } | undefined) =>
        Boolean(options && (!types.includes(options.type ?? '') || options.user || options.role));
      const who = failing(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
      return details(
        isBad(pod.spec.securityContext?.seLinuxOptions) && 'pod set forbidden securityContext.seLinuxOptions',
        who && `${who} set forbidden securityContext.seLinuxOptions`,
      );
    },
  },
  seccompProfile_baseline: {
    level: 'baseline',
    since: 19,
    reason: 'seccompProfile',
    violation(pod) {
      const isBad = (type: string | undefined) =>
        type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
      const who = failing(pod, ({ securityContext }) => isBad(securityContext?.seccompProfile?.type));
      const tail = 'must not set securityContext.seccompProfile.type to "Unconfined"';
      return details(isBad(pod.spec.securityContext?.seccompProfile?.type) && `pod ${tail}`, who && `${who} ${tail}`);
    },
  },
  sysctls: {
    level: 'baseline',
    since: 0,
    reason: 'forbidden sysctls',
    violation({ spec }, minor) {
      const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
      const isSafe = (name: string) => Object.hasOwn(SAFE_SYSCTLS, name) && (SAFE_SYSCTLS[name] ?? 0) <= minor;
      const bad = names.filter((name) => !isSafe(name));
      return bad.length > 0 ? bad.join(', ') : undefined;
    },
  },
  windowsHostProcess: {
    level: 'baseline',
    since: 0,
    reason: 'hostProcess',
    violation(pod) {
      const who = failing(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
      const tail = 'must not set securityContext.windowsOptions.hostProcess=true';
      return details(pod.spec.securityContext?.windowsOptions?.hostProcess && `pod ${tail}`, who && `${who} ${tail}`);
    },
  },
};

function allowedAppArmor(profile: string): boolean {
  return profile === '' || profile === 'runtime/default' || profile.startsWith('localhost/');
}

/** Hosts that a kubelet would be made to connect to from outside of the pod. */
function hostsOf(container: AnyContainer): readonly string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  const handlers = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
  return handlers
    .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
    .filter((host): host is string => Boolean(host));
}
