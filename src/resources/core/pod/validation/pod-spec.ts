import type { FieldError, FieldPath } from '#machinery/field-error.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { PodSpec } from '#machinery/types/core-v1.ts';
import { inRange, invalidFor, oneOf } from '#machinery/validation/basics.ts';
import { validateLabels } from '#machinery/validation/labels.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { isNodeName } from '../../node/node-name.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './containers.ts';
import {
  validateDnsConfig,
  validateDnsPolicy,
  validateHostAliases,
  validateHostname,
  validateHostnameOverride,
  validateHostPorts,
} from './network.ts';
import { type PodScope, podScope } from './options.ts';
import { validateOverhead, validatePodClaims, validatePodLevelResources } from './resources.ts';
import {
  validateAffinity,
  validateReadinessGates,
  validateSchedulingGates,
  validateSpread,
  validateTolerations,
} from './scheduling.ts';
import { validateHostUsers, validatePodSecurity } from './security.ts';
import { validateVolumes } from './volumes.ts';
import { validateHostProcess, validateOs } from './windows.ts';

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const PREEMPTION_POLICIES = ['Never', 'PreemptLowerPriority'];
const MAX_DEADLINE = 2_147_483_647;

export interface PodSpecOptions {
  readonly featureOn: WriteContext['featureOn'];
  /** The spec is of a pod template, not of a pod. */
  readonly template?: boolean;
}

/** Everything that must hold for a pod's spec, wherever it stands. Source: core/v1 API. */
export function validatePodSpec(spec: PodSpec, path: FieldPath, options: PodSpecOptions): FieldError[] {
  const scope = podScope(spec, options.featureOn, options.template ?? false);
  const volumes = validateVolumes(spec, path.at('volumes'), scope);
  const inner: PodScope = { ...scope, volumes: volumes.good };
  return [
    ...volumes.errors,
    ...validatePodClaims(spec.resourceClaims, path.at('resourceClaims')),
    ...validateContainers(spec, path.at('containers'), inner),
    ...validateInitContainers(spec, path.at('initContainers'), inner),
    ...validateEphemeralContainers(spec, path.at('ephemeralContainers'), inner),
    ...validatePodLevelResources(spec, path.at('resources'), inner),
    ...validateHostPorts(spec, path, scope.template),
    ...oneOf(spec.restartPolicy, RESTART_POLICIES, path.at('restartPolicy')),
    ...validateDnsPolicy(spec.dnsPolicy, path.at('dnsPolicy')),
    ...validateLabels(spec.nodeSelector, path.at('nodeSelector')),
    ...validatePodSecurity(spec, path, inner),
    ...validateAffinity(spec.affinity, path.at('affinity')),
    ...validateDnsConfig(spec, path.at('dnsConfig')),
    ...validateReadinessGates(spec.readinessGates, path.at('readinessGates')),
    ...validateSchedulingGates(spec.schedulingGates, path.at('schedulingGates')),
    ...validateSpread(spec.topologySpreadConstraints, path.at('topologySpreadConstraints')),
    ...validateHostProcess(spec, path),
    ...validateHostUsers(spec, path),
    ...validateNames(spec, path),
    ...validateDeadlines(spec, path),
    ...validateHostname(spec, path),
    ...validateTolerations(spec.tolerations, path.at('tolerations')),
    ...validateHostAliases(spec.hostAliases, path.at('hostAliases')),
    ...validateClasses(spec, path),
    ...validateOverhead(spec.overhead, path.at('overhead')),
    ...validateOs(spec, path),
    ...validateHostnameOverride(spec, path),
  ];
}

function validateNames({ serviceAccountName, nodeName }: PodSpec, path: FieldPath): FieldError[] {
  return [
    ...(serviceAccountName
      ? invalidFor(isDnsSubdomain(serviceAccountName, false), serviceAccountName, path.at('serviceAccountName'))
      : []),
    ...(nodeName ? invalidFor(isNodeName(nodeName, false), nodeName, path.at('nodeName')) : []),
  ];
}

function validateDeadlines({ activeDeadlineSeconds }: PodSpec, path: FieldPath): FieldError[] {
  if (activeDeadlineSeconds === undefined) return [];
  return inRange(activeDeadlineSeconds, 1, MAX_DEADLINE, path.at('activeDeadlineSeconds'));
}

function validateClasses(
  { priorityClassName, runtimeClassName, preemptionPolicy }: PodSpec,
  path: FieldPath,
): FieldError[] {
  return [
    ...(priorityClassName
      ? invalidFor(isDnsSubdomain(priorityClassName, false), priorityClassName, path.at('priorityClassName'))
      : []),
    ...(runtimeClassName !== undefined
      ? invalidFor(isDnsSubdomain(runtimeClassName, false), runtimeClassName, path.at('runtimeClassName'))
      : []),
    ...(preemptionPolicy !== undefined
      ? oneOf(preemptionPolicy, PREEMPTION_POLICIES, path.at('preemptionPolicy'))
      : []),
  ];
}
