import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, oneOf, optionalOneOf, portNumber } from '#machinery/validation/basics.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { isPortName } from '#machinery/validation/net.ts';

import { validateEnv, validateEnvFrom } from './env.ts';
import type { PodScope } from './options.ts';
import { validateLifecycle, validateProbes } from './probes.ts';
import { validateContainerResources, validateResizePolicy } from './resources.ts';
import { validateRestartRules } from './restart-rules.ts';
import { validateContainerSecurity } from './security.ts';
import { validateVolumeDevices, validateVolumeMounts } from './volume-mounts.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validateContainers(spec: PodSpec, path: FieldPath, scope: PodScope): FieldError[] {
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  return [
    ...eachItem(containers, path, (container, at) => [
      ...validateContainer(container, at, scope),
      ...validateRestartRules(container, at),
      ...uniqueName(container.name, names, at),
      ...validateLifecycle(container, at, scope),
      ...validateProbes(container, at, scope),
    ]),
    ...hostPortConflicts(containers, path),
  ];
}

/** Init containers that restart always are sidecars: they alone may have probes and handlers. */
export function validateInitContainers(spec: PodSpec, path: FieldPath, scope: PodScope): FieldError[] {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  return eachItem(spec.initContainers, path, (container, at) => [
    ...validateContainer(container, at, scope),
    ...validateRestartRules(container, at),
    ...uniqueName(container.name, names, at),
    ...hostPortConflicts([container], path),
    ...(container.restartPolicy === 'Always'
      ? [...validateLifecycle(container, at, scope), ...validateProbes(container, at, scope)]
      : forbiddenInInit(container, at)),
  ]);
}

const SIDECAR_ONLY = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function forbiddenInInit(container: Container, path: FieldPath): FieldError[] {
  return SIDECAR_ONLY.filter((field) => container[field]).map((field) =>
    forbidden(path.at(field), 'may not be set for init containers without restartPolicy=Always'),
  );
}

/** Fields that a container added to a running pod cannot have. */
const NOT_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

export function validateEphemeralContainers(spec: PodSpec, path: FieldPath, scope: PodScope): FieldError[] {
  const targets = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(targets);
  return eachItem(spec.ephemeralContainers, path, (container, at) => [
    ...validateContainer(container, at, scope),
    ...forbiddenInEphemeral(container, at),
    ...uniqueName(container.name, names, at),
    ...(container.targetContainerName && !targets.has(container.targetContainerName)
      ? [notFound(at.at('targetContainerName'), container.targetContainerName)]
      : []),
    ...eachItem(container.volumeMounts, at.at('volumeMounts'), (mount, mountPath) =>
      (['subPath', 'subPathExpr'] as const)
        .filter((field) => mount[field])
        .map((field) => forbidden(mountPath.at(field), 'cannot be set for an Ephemeral Container')),
    ),
  ]);
}

/** Resources are always there, and empty ones are none; anything else is given as soon as it is there. */
function isSet(container: EphemeralContainer, field: (typeof NOT_EPHEMERAL)[number]): boolean {
  const value = container[field];
  if (value === undefined || value === null || value === '') return false;
  return field !== 'resources' || Object.keys(value).length > 0;
}

function forbiddenInEphemeral(container: EphemeralContainer, path: FieldPath): FieldError[] {
  return NOT_EPHEMERAL.filter((field) => isSet(container, field)).map((field) =>
    forbidden(path.at(field), 'cannot be set for an Ephemeral Container'),
  );
}

function uniqueName(name: string, names: Set<string>, path: FieldPath): FieldError[] {
  if (!name) return [];
  if (names.has(name)) return [duplicate(path.at('name'), name)];
  names.add(name);
  return [];
}

/** What holds for every kind of container. */
function validateContainer(container: Container | EphemeralContainer, path: FieldPath, scope: PodScope): FieldError[] {
  return [
    ...(container.name
      ? invalidFor(isDnsLabel(container.name, false), container.name, path.at('name'))
      : [required(path.at('name'))]),
    ...validateImage(container.image, path.at('image')),
    ...validateTerminationMessagePolicy(container.terminationMessagePolicy, path.at('terminationMessagePolicy')),
    ...validatePorts(container.ports, path.at('ports')),
    ...validateEnv(container.env, path.at('env'), scope),
    ...validateEnvFrom(container.envFrom, path.at('envFrom')),
    ...validateVolumeMounts(container, path.at('volumeMounts'), scope),
    ...validateVolumeDevices(container, path.at('volumeDevices'), scope),
    ...oneOf(container.imagePullPolicy, PULL_POLICIES, path.at('imagePullPolicy')),
    ...validateContainerResources(container.resources, path.at('resources'), scope),
    ...validateResizePolicy(container, path.at('resizePolicy'), scope),
    ...validateContainerSecurity(container.securityContext, path.at('securityContext'), scope),
  ];
}

export function validateImage(image: string | undefined, path: FieldPath): FieldError[] {
  if (!image) return [required(path)];
  return image === image.trim() ? [] : [invalid(path, image, 'must not have leading or trailing whitespace')];
}

function validateTerminationMessagePolicy(policy: string | undefined, path: FieldPath): FieldError[] {
  return policy ? optionalOneOf(policy, ['File', 'FallbackToLogsOnError'], path) : [required(path)];
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: FieldPath): FieldError[] {
  const names = new Set<string>();
  return eachItem(ports, path, (port, at) => [
    ...portName(port.name, names, at.at('name')),
    ...(port.containerPort
      ? portNumber(port.containerPort, at.at('containerPort'))
      : [required(at.at('containerPort'))]),
    ...(port.hostPort ? portNumber(port.hostPort, at.at('hostPort')) : []),
    ...(port.protocol ? protocol(port.protocol, at.at('protocol')) : [required(at.at('protocol'))]),
  ]);
}

function protocol(value: string, path: FieldPath): FieldError[] {
  return PROTOCOLS.includes(value) ? [] : [notSupported(path, value, PROTOCOLS)];
}

function portName(name: string | undefined, names: Set<string>, path: FieldPath): FieldError[] {
  if (!name) return [];
  const messages = isPortName(name);
  if (messages.length > 0) return invalidFor(messages, name, path);
  if (names.has(name)) return [duplicate(path, name)];
  names.add(name);
  return [];
}

/** Two containers of one pod cannot take the same port of the host. */
function hostPortConflicts(containers: readonly Container[], path: FieldPath): FieldError[] {
  const taken = new Set<string>();
  return eachItem(containers, path, (container, at) =>
    eachItem(container.ports, at.at('ports'), (port, portPath) => {
      if (!port.hostPort) return [];
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) return [duplicate(portPath.at('hostPort'), key)];
      taken.add(key);
      return [];
    }),
  );
}
