import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { PodSpec, WindowsSecurityContextOptions } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';

const MAX_GMSA_SPEC = 64 * 1024;
const MAX_DOMAIN = 256;
const MAX_USER = 104;
const CONTROL = /\p{Cc}/u;
const DOMAIN_DNS = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/;
const DOMAIN_NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const USER = /^[^"/\\[\]:;|=,+*?<>@]+$/;

/** How a container runs on Windows. The kubelet here runs no Windows pods, the API holds them all the same. */
export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  path: FieldPath,
): FieldError[] {
  if (!options) return [];
  const errors: FieldError[] = [];
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined) {
    errors.push(
      ...invalidFor(
        isDnsSubdomain(gmsaCredentialSpecName, false),
        gmsaCredentialSpecName,
        path.at('gmsaCredentialSpecName'),
      ),
    );
  }
  if (gmsaCredentialSpec !== undefined) {
    const at = path.at('gmsaCredentialSpec');
    if (gmsaCredentialSpec === '') {
      errors.push(invalid(at, gmsaCredentialSpec, 'gmsaCredentialSpec cannot be an empty string'));
    } else if (gmsaCredentialSpec.length > MAX_GMSA_SPEC) {
      errors.push(invalid(at, gmsaCredentialSpec, `gmsaCredentialSpec size must be under ${MAX_GMSA_SPEC / 1024} KiB`));
    }
  }
  if (runAsUserName !== undefined) errors.push(...validateUserName(runAsUserName, path.at('runAsUserName')));
  return errors;
}

function validateUserName(name: string, path: FieldPath): FieldError[] {
  if (name === '') return [invalid(path, name, 'runAsUserName cannot be an empty string')];
  if (CONTROL.test(name)) return [invalid(path, name, 'runAsUserName cannot contain control characters')];
  const parts = name.split('\\');
  if (parts.length > 2) return [invalid(path, name, 'runAsUserName cannot contain more than one backslash')];
  const [domain, user = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  const errors: FieldError[] = [];
  if (domain !== undefined) {
    if (domain === '' || domain.length >= MAX_DOMAIN) {
      errors.push(invalid(path, name, `runAsUserName's Domain length must be under ${MAX_DOMAIN} characters`));
    } else if (!DOMAIN_DNS.test(domain) && !DOMAIN_NETBIOS.test(domain)) {
      errors.push(invalid(path, name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format"));
    }
  }
  if (user === '') errors.push(invalid(path, name, "runAsUserName's User cannot be empty"));
  else if (user.length > MAX_USER) {
    errors.push(invalid(path, name, `runAsUserName's User length must not be longer than ${MAX_USER} characters`));
  }
  if (/^[. ]+$/.test(user)) {
    errors.push(invalid(path, name, "runAsUserName's User cannot contain only periods or spaces"));
  }
  if (user !== '' && !USER.test(user)) {
    errors.push(
      invalid(path, name, 'runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]'),
    );
  }
  return errors;
}

/** Host-process containers: all of a pod's containers or none, and only on the host's network. */
export function validateHostProcess(spec: PodSpec, path: FieldPath): FieldError[] {
  const forPod = spec.securityContext?.windowsOptions?.hostProcess;
  const errors: FieldError[] = [];
  let hostProcess = 0;
  let all = 0;
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    errors.push(
      ...eachItem(spec[field] ?? [], path.at(field), (container, at) => {
        all++;
        const own = container.securityContext?.windowsOptions?.hostProcess;
        if (own ?? forPod) hostProcess++;
        if (forPod === undefined || own === undefined || own === forPod) return [];
        return [
          invalid(
            at.at('securityContext', 'windowsOptions', 'hostProcess'),
            own,
            `pod hostProcess value must be identical if both are specified, was ${forPod}`,
          ),
        ];
      }),
    );
  }
  if (hostProcess === 0) return errors;
  if (hostProcess !== all) {
    errors.push(
      invalid(
        path,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  }
  if (!spec.hostNetwork) {
    errors.push(
      invalid(path.at('hostNetwork'), false, 'hostNetwork must be true if pod contains any hostProcess containers'),
    );
  }
  return errors;
}

const OPERATING_SYSTEMS = ['linux', 'windows'];

/** Fields that mean nothing on Windows. Source: core/v1 API, PodOS. */
const NOT_ON_WINDOWS = {
  pod: ['hostPID', 'hostIPC', 'hostUsers', 'shareProcessNamespace'],
  securityContext: [
    'appArmorProfile',
    'seLinuxOptions',
    'seLinuxChangePolicy',
    'seccompProfile',
    'fsGroup',
    'fsGroupChangePolicy',
    'sysctls',
    'runAsUser',
    'runAsGroup',
    'supplementalGroups',
    'supplementalGroupsPolicy',
  ],
  container: [
    'appArmorProfile',
    'seLinuxOptions',
    'seccompProfile',
    'capabilities',
    'readOnlyRootFilesystem',
    'privileged',
    'allowPrivilegeEscalation',
    'procMount',
    'runAsUser',
    'runAsGroup',
  ],
} as const;

export function validateOs(spec: PodSpec, path: FieldPath): FieldError[] {
  if (!spec.os) return [];
  if (!spec.os.name) return [required(path.at('os', 'name'))];
  if (!OPERATING_SYSTEMS.includes(spec.os.name)) return [notSupported(path.at('os'), spec.os.name, OPERATING_SYSTEMS)];
  return spec.os.name === 'windows' ? validateForWindows(spec, path) : validateForLinux(spec, path);
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return !Array.isArray(value) || value.length > 0;
}

function validateForWindows(spec: PodSpec, path: FieldPath): FieldError[] {
  const not = (at: FieldPath) => forbidden(at, 'cannot be set for a windows pod');
  const errors: FieldError[] = [];
  const { securityContext } = spec;
  for (const field of NOT_ON_WINDOWS.securityContext) {
    if (isGiven(securityContext?.[field])) errors.push(not(path.at('securityContext', field)));
  }
  for (const field of NOT_ON_WINDOWS.pod) {
    const value = spec[field];
    if (field === 'hostUsers' || field === 'shareProcessNamespace' ? value !== undefined : value) {
      errors.push(not(field === 'hostUsers' ? path.at(field) : path.at(field)));
    }
  }
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    errors.push(
      ...eachItem(spec[field] ?? [], path.at(field), (container, at) =>
        NOT_ON_WINDOWS.container
          .filter((name) => container.securityContext?.[name] !== undefined)
          .map((name) => not(at.at('securityContext', name))),
      ),
    );
  }
  return errors;
}

function validateForLinux(spec: PodSpec, path: FieldPath): FieldError[] {
  const not = (at: FieldPath) =>
    forbidden(at.at('securityContext', 'windowsOptions'), 'windows options cannot be set for a linux pod');
  const errors: FieldError[] = spec.securityContext?.windowsOptions ? [not(path)] : [];
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    errors.push(
      ...eachItem(spec[field] ?? [], path.at(field), (container, at) =>
        container.securityContext?.windowsOptions ? [not(at)] : [],
      ),
    );
  }
  return errors;
}
