import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { Int64 } from '#machinery/int64.ts';
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '#machinery/types/core-v1.ts';
import { eachItem, optionalOneOf } from '#machinery/validation/basics.ts';
import type { PodScope } from './options.ts';
import { validateLocalPath } from './paths.ts';
import { validateWindowsOptions } from './windows.ts';

const MAX_ID = 2_147_483_647;
const PROFILES = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function id(value: Int64 | undefined, path: FieldPath): FieldError[] {
  if (value === undefined || (value >= 0 && value <= MAX_ID)) return [];
  return [invalid(path, value, `must be between 0 and ${MAX_ID}, inclusive`)];
}

export function validatePodSecurity(spec: PodSpec, specPath: FieldPath, scope: PodScope): FieldError[] {
  const { securityContext } = spec;
  const path = specPath.at('securityContext');
  const errors = securityContext ? validatePodSecurityContext(securityContext, path, scope) : [];
  if (!spec.shareProcessNamespace || !spec.hostPID) return errors;
  return [
    invalid(path.at('shareProcessNamespace'), true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    ...errors,
  ];
}

function validatePodSecurityContext(context: PodSecurityContext, path: FieldPath, scope: PodScope): FieldError[] {
  return [
    ...id(context.fsGroup, path.at('fsGroup')),
    ...id(context.runAsUser, path.at('runAsUser')),
    ...id(context.runAsGroup, path.at('runAsGroup')),
    ...eachItem(context.supplementalGroups, path.at('supplementalGroups'), id),
    ...validateSysctls(context.sysctls, path.at('sysctls'), scope),
    ...closedSet(context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], path.at('fsGroupChangePolicy')),
    ...validateSeccomp(context.seccompProfile, path.at('seccompProfile')),
    ...validateWindowsOptions(context.windowsOptions, path.at('windowsOptions')),
    ...validateAppArmor(context.appArmorProfile, path.at('appArmorProfile')),
    ...closedSet(context.supplementalGroupsPolicy, ['Merge', 'Strict'], path.at('supplementalGroupsPolicy')),
    ...closedSet(context.seLinuxChangePolicy, ['MountOption', 'Recursive'], path.at('seLinuxChangePolicy')),
  ];
}

/** Absent is good, an empty text is not. */
function closedSet(value: string | undefined, supported: readonly string[], path: FieldPath): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const MAX_SYSCTL = 253;

function validateSysctls(sysctls: readonly Sysctl[] | undefined, path: FieldPath, scope: PodScope): FieldError[] {
  const names = new Set<string>();
  return eachItem(sysctls, path, ({ name }, at) => {
    if (!name) return [required(at.at('name'))];
    const errors: FieldError[] = [];
    const dotted = dottedSysctl(name);
    if (name.length > MAX_SYSCTL || !SYSCTL.test(name)) {
      errors.push(
        invalid(at.at('name'), name, `must have at most ${MAX_SYSCTL} characters and match regex ${SYSCTL.source}`),
      );
    } else if (names.has(name)) {
      errors.push({
        type: 'FieldValueDuplicate',
        field: at.at('name').toString(),
        message: `Duplicate value: ${JSON.stringify(name)}`,
      });
    } else errors.push(...hostSysctl(name, dotted, at.at('name'), scope));
    names.add(name);
    return errors;
  });
}

function dottedSysctl(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  return separator === '/' ? name.replaceAll(/[./]/g, (letter) => (letter === '/' ? '.' : '/')) : name;
}

const IPC_SYSCTLS = /^(kernel\.(shm|msg)[a-z]|kernel\.sem$|fs\.mqueue\.)/;

/** A sysctl of a namespace that the pod shares with its host is the host's. */
function hostSysctl(name: string, dotted: string, path: FieldPath, { spec }: PodScope): FieldError[] {
  if (spec.hostNetwork && dotted.startsWith('net.')) {
    return [invalid(path, name, "may not be specified when 'hostNetwork' is true")];
  }
  if (spec.hostIPC && IPC_SYSCTLS.test(dotted)) {
    return [invalid(path, name, "may not be specified when 'hostIPC' is true")];
  }
  return [];
}

function validateSeccomp(profile: SeccompProfile | undefined, path: FieldPath): FieldError[] {
  if (!profile) return [];
  const errors = validateSeccompType(profile.type, path.at('type'));
  const at = path.at('localhostProfile');
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) errors.push(required(at, 'must be set when seccomp type is Localhost'));
    else errors.push(...validateLocalPath(profile.localhostProfile, at));
  } else if (profile.localhostProfile !== undefined) {
    errors.push(invalid(at, profile.localhostProfile, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

function validateSeccompType(type: string, path: FieldPath): FieldError[] {
  return type ? optionalOneOf(type, PROFILES, path) : [required(path, 'type is required when seccompProfile is set')];
}

const MAX_APPARMOR_PROFILE = 4095;

function validateAppArmor(profile: AppArmorProfile | undefined, path: FieldPath): FieldError[] {
  if (!profile) return [];
  const at = path.at('localhostProfile');
  const { type, localhostProfile } = profile;
  if (!type) return [required(path.at('type'), 'type is required when appArmorProfile is set')];
  if (type === 'Localhost') {
    if (localhostProfile === undefined) return [required(at, 'must be set when AppArmor type is Localhost')];
    if (localhostProfile.trim() !== localhostProfile) {
      return [invalid(at, localhostProfile, 'must not be padded with whitespace')];
    }
    if (localhostProfile === '') return [required(at, 'must be set when AppArmor type is Localhost')];
    return localhostProfile.length > MAX_APPARMOR_PROFILE
      ? [
          {
            type: 'FieldValueTooLong',
            field: at.toString(),
            message: `Too long: may not be more than ${MAX_APPARMOR_PROFILE} bytes`,
          },
        ]
      : [];
  }
  const errors: FieldError[] = [];
  if (localhostProfile !== undefined) {
    errors.push(invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
  }
  if (!PROFILES.includes(type)) errors.push(notSupported(path.at('type'), type, PROFILES));
  return errors;
}

export function validateContainerSecurity(
  context: SecurityContext | undefined,
  path: FieldPath,
  scope: PodScope,
): FieldError[] {
  if (!context) return [];
  const errors = [
    ...id(context.runAsUser, path.at('runAsUser')),
    ...id(context.runAsGroup, path.at('runAsGroup')),
    ...validateProcMount(context.procMount, path.at('procMount'), scope),
    ...validateSeccomp(context.seccompProfile, path.at('seccompProfile')),
    ...validateEscalation(context, path),
    ...validateWindowsOptions(context.windowsOptions, path.at('windowsOptions')),
    ...validateAppArmor(context.appArmorProfile, path.at('appArmorProfile')),
  ];
  return errors;
}

function validateProcMount(procMount: string | undefined, path: FieldPath, scope: PodScope): FieldError[] {
  if (procMount === undefined) return [];
  if (procMount !== 'Default' && procMount !== 'Unmasked')
    return [notSupported(path, procMount, ['Default', 'Unmasked'])];
  if (procMount === 'Default' || scope.spec.hostUsers === false) return [];
  return [invalid(path, procMount, '`hostUsers` must be false to use `Unmasked`')];
}

function validateEscalation(context: SecurityContext, path: FieldPath): FieldError[] {
  if (context.allowPrivilegeEscalation !== false) return [];
  if (context.privileged) {
    return [invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true')];
  }
  if ((context.capabilities?.add ?? []).includes('CAP_SYS_ADMIN')) {
    return [
      invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
    ];
  }
  return [];
}

/** Host namespaces cannot be shared by a pod with users of its own. */
export function validateHostUsers(spec: PodSpec, path: FieldPath): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const errors: FieldError[] = [];
  for (const field of ['hostPID', 'hostIPC', 'hostNetwork'] as const) {
    if (spec[field])
      errors.push(forbidden(path.at(field.replace(/^host(PID|IPC)$/, 'Host$1')), 'when `hostUsers` is false'));
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    if ((container.volumeDevices ?? []).length > 0) {
      errors.push(forbidden(path.at('containers').index(index).at('volumeDevices'), 'when `hostUsers` is false'));
    }
  }
  return errors;
}
