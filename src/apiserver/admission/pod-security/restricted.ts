import type { Volume } from '#machinery/types/core-v1.ts';
import { type AnyContainer, type Check, details, failing, gathered, hasOwnUsers, isWindows, quoted } from './check.ts';

const ALLOWED_VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** Versions from which on pods that say that they are for Windows are excused from what only Linux has. */
const WINDOWS_EXCUSED = 25;

/** In the order in which violations are named. */
export const restrictedChecks: Readonly<Record<string, Check>> = {
  allowPrivilegeEscalation: {
    level: 'restricted',
    since: 8,
    reason: 'allowPrivilegeEscalation != false',
    violation(pod, minor) {
      if (minor >= WINDOWS_EXCUSED && isWindows(pod)) return undefined;
      const who = failing(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
      return who && `${who} must set securityContext.allowPrivilegeEscalation=false`;
    },
  },
  capabilities_restricted: {
    level: 'restricted',
    since: 22,
    reason: 'unrestricted capabilities',
    overrides: 'capabilities_baseline',
    violation(pod, minor) {
      if (minor >= WINDOWS_EXCUSED && isWindows(pod)) return undefined;
      const added = ({ securityContext }: AnyContainer) =>
        (securityContext?.capabilities?.add ?? []).filter((capability) => capability !== 'NET_BIND_SERVICE');
      const keeping = failing(pod, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
      const adding = failing(pod, (container) => added(container).length > 0);
      return details(
        keeping && `${keeping} must set securityContext.capabilities.drop=["ALL"]`,
        adding && `${adding} must not include ${quoted(gathered(pod, added))} in securityContext.capabilities.add`,
      );
    },
  },
  restrictedVolumes: {
    level: 'restricted',
    since: 0,
    reason: 'restricted volume types',
    overrides: 'hostPathVolumes',
    violation({ spec }) {
      const bad = (spec.volumes ?? []).filter((volume) => !ALLOWED_VOLUMES.has(typeOf(volume)));
      if (bad.length === 0) return undefined;
      const types = [...new Set(bad.map(typeOf))].sort();
      const who = `${bad.length > 1 ? 'volumes' : 'volume'} ${quoted(bad.map(({ name }) => name))}`;
      const use = bad.length > 1 ? 'use' : 'uses';
      return `${who} ${use} restricted volume ${types.length > 1 ? 'types' : 'type'} ${quoted(types)}`;
    },
  },
  runAsNonRoot: {
    level: 'restricted',
    since: 0,
    reason: 'runAsNonRoot != true',
    violation(pod, minor) {
      if (hasOwnUsers(pod, minor)) return undefined;
      const own = pod.spec.securityContext?.runAsNonRoot;
      const refusing = failing(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false);
      const silent = own !== true && failing(pod, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
      return details(
        own === false && 'pod must not set securityContext.runAsNonRoot=false',
        refusing && `${refusing} must not set securityContext.runAsNonRoot=false`,
        silent && own === undefined && `pod or ${silent} must set securityContext.runAsNonRoot=true`,
      );
    },
  },
  runAsUser: {
    level: 'restricted',
    since: 23,
    reason: 'runAsUser=0',
    violation(pod, minor) {
      if (hasOwnUsers(pod, minor)) return undefined;
      const who = failing(pod, ({ securityContext }) => securityContext?.runAsUser === 0);
      return details(
        pod.spec.securityContext?.runAsUser === 0 && 'pod must not set runAsUser=0',
        who && `${who} must not set runAsUser=0`,
      );
    },
  },
  seccompProfile_restricted: {
    level: 'restricted',
    since: 19,
    reason: 'seccompProfile',
    overrides: 'seccompProfile_baseline',
    violation(pod, minor) {
      if (minor >= WINDOWS_EXCUSED && isWindows(pod)) return undefined;
      const isGood = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost';
      const own = pod.spec.securityContext?.seccompProfile?.type;
      const typeOfContainer = ({ securityContext }: AnyContainer) => securityContext?.seccompProfile?.type;
      const bad = failing(
        pod,
        (container) => typeOfContainer(container) !== undefined && !isGood(typeOfContainer(container)),
      );
      const silent = own === undefined && failing(pod, (container) => typeOfContainer(container) === undefined);
      const unconfined = 'must not set securityContext.seccompProfile.type to "Unconfined"';
      return details(
        own !== undefined && !isGood(own) && `pod ${unconfined}`,
        bad && `${bad} ${unconfined}`,
        silent && `pod or ${silent} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      );
    },
  },
};

function typeOf({ name: _name, ...source }: Volume): string {
  return Object.entries(source).find(([, value]) => value !== undefined && value !== null)?.[0] ?? 'unknown';
}
