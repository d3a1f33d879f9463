import type { Pod } from '#machinery/types/core-v1.ts';

/** Kernel parameters that a pod may set because they hold in its own namespaces only. Source: "Using sysctls". */
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/** Why this node cannot run a pod that was bound to it; the pod then fails with this. */
export function admit(pod: Pod): { readonly reason: string; readonly message: string } | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? [])
    if (!SAFE_SYSCTLS.has(name.replaceAll('/', '.')))
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(name)} not allowlisted` };
  if (pod.spec.os?.name && pod.spec.os.name !== 'linux')
    return { reason: 'PodOSNotSupported', message: `Failed to admit pod as the OS field doesn't match node OS` };
  return undefined;
}
