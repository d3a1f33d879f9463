import { isDeepStrictEqual } from 'node:util';
import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import { invalidError } from '#machinery/status.ts';
import type { Namespace, Pod, PodSpec, PodTemplateSpec } from '#machinery/types/core-v1.ts';
import { namespace as namespaces } from '#resources/core/namespace/namespace.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import type { Listers } from '../../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { refusal } from '../refuse.ts';
import { baselineChecks } from './baseline.ts';
import type { Check } from './check.ts';
import { restrictedChecks } from './restricted.ts';

const PREFIX = 'pod-security.kubernetes.io/';
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
const MODES = ['enforce', 'audit', 'warn'] as const;

/** Pods that are looked at when a namespace becomes stricter; for more there is no warning. */
const MAX_EXISTING_PODS = 3000;

interface Policy {
  readonly level: (typeof LEVELS)[number];
  /** Minor version of the standards; Infinity for `latest`. */
  readonly minor: number;
  readonly shown: string;
}

/** Holds pods to the security standard that their namespace names by labels. Source: "Pod Security Admission". */
export function podSecurity(listers: Listers): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    validate(request) {
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return;
      if (request.group === '' && request.resource === 'namespaces') return checkNamespace(request, listers);
      const labels = listers(namespaces).get(request.namespace)?.metadata.labels ?? {};
      if (!Object.keys(labels).some((key) => key.startsWith(PREFIX))) return;
      const pod = podOf(request);
      if (pod) return checkPod(request, pod, labels);
      const template = templateOf(request);
      if (template) warnOf(request, template, labels);
    },
  };
}

function checkPod(request: AdmissionRequest, pod: Pod, labels: Readonly<Record<string, string>>): void {
  if (!matters(request, pod)) return;
  const policy = policyOf(labels, 'enforce');
  const found = violations(pod, policy);
  if (found) throw refusal(request, `violates PodSecurity "${policy.shown}": ${found}`);
  warnOf(request, pod, labels);
}

function warnOf(request: AdmissionRequest, pod: Pod, labels: Readonly<Record<string, string>>): void {
  const policy = policyOf(labels, 'warn');
  const found = violations(pod, policy);
  if (found) request.warn(`would violate PodSecurity "${policy.shown}": ${found}`);
}

function podOf({ group, resource, subresource, object }: AdmissionRequest): Pod | undefined {
  const isPod = group === '' && resource === 'pods' && ['', 'ephemeralcontainers', 'resize'].includes(subresource);
  return isPod ? (object as Pod | undefined) : undefined;
}

/** Fields of pods that may change and are not looked at: a pod that was let in keeps running. */
function matters({ operation, oldObject, subresource }: AdmissionRequest, pod: Pod): boolean {
  if (operation === 'CREATE') return true;
  if (subresource === 'resize') return false;
  const old = oldObject as Pod | undefined;
  if (!old) return true;
  const comparable = ({ metadata, spec }: Pod) => {
    const { tolerations: _tolerations, activeDeadlineSeconds: _deadline, ...kept } = spec;
    const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) =>
      key.startsWith('container.seccomp.security.alpha.kubernetes.io/'),
    );
    return JSON.parse(JSON.stringify({ kept, annotations }));
  };
  return !isDeepStrictEqual(comparable(pod), comparable(old));
}

const TEMPLATES = new Set([
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'apps/daemonsets',
  'batch/jobs',
  'batch/cronjobs',
  '/replicationcontrollers',
  '/podtemplates',
]);

/** The pod that a workload would make. Workloads are never refused: their pods are. */
function templateOf({ group, resource, subresource, object }: AdmissionRequest): Pod | undefined {
  if (subresource || !TEMPLATES.has(`${group}/${resource}`) || !object) return undefined;
  const { spec, template } = object as unknown as {
    readonly spec?: {
      readonly template?: PodTemplateSpec;
      readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } };
    };
    readonly template?: PodTemplateSpec;
  };
  const found = template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
  return found?.spec ? ({ metadata: found.metadata ?? {}, spec: found.spec as PodSpec } as Pod) : undefined;
}

function policyOf(labels: Readonly<Record<string, string>>, mode: (typeof MODES)[number]): Policy {
  const level = LEVELS.find((each) => each === labels[`${PREFIX}${mode}`]) ?? 'privileged';
  const version = labels[`${PREFIX}${mode}-version`] || 'latest';
  const minor = version === 'latest' ? Number.POSITIVE_INFINITY : Number(version.slice('v1.'.length));
  return { level, minor, shown: `${level}:${version}` };
}

/** What is wrong, as one text; undefined where nothing is. */
function violations(pod: Pod, { level, minor }: Policy): string | undefined {
  if (level === 'privileged') return undefined;
  const restricted = level === 'restricted' ? applicable(restrictedChecks, minor) : [];
  const overridden = new Set(restricted.map(([, check]) => check.overrides));
  const baseline = applicable(baselineChecks, minor).filter(([id]) => !overridden.has(id));
  const found = [...baseline, ...restricted].flatMap(([, check]) => {
    const detail = check.violation(pod, minor);
    return detail ? [`${check.reason} (${detail})`] : [];
  });
  return found.length > 0 ? found.join(', ') : undefined;
}

function applicable(checks: Readonly<Record<string, Check>>, minor: number): readonly (readonly [string, Check])[] {
  return Object.entries(checks).filter(([, check]) => minor >= check.since);
}

function checkNamespace(request: AdmissionRequest, listers: Listers): void {
  const written = request.object as Namespace | undefined;
  if (!written || request.subresource) return;
  const labels = written.metadata.labels ?? {};
  const before = (request.oldObject as Namespace | undefined)?.metadata.labels ?? {};
  const errors = labelErrors(labels);
  const same = isDeepStrictEqual(errors, labelErrors(before));
  if (errors.length > 0 && !(request.operation === 'UPDATE' && same)) {
    throw invalidError('', 'Namespace', request.name || written.metadata.name || '', errors);
  }
  if (request.operation === 'UPDATE')
    warnOfExisting(request, listers, policyOf(before, 'enforce'), policyOf(labels, 'enforce'));
}

function labelErrors(labels: Readonly<Record<string, string>>): readonly FieldError[] {
  const path = FieldPath.of('metadata', 'labels');
  return MODES.flatMap((mode) => {
    const [levelKey, versionKey] = [`${PREFIX}${mode}`, `${PREFIX}${mode}-version`];
    const level = labels[levelKey];
    const version = labels[versionKey];
    const errors: FieldError[] = [];
    if (level !== undefined && !LEVELS.some((each) => each === level)) {
      errors.push(invalid(path.key(levelKey), level, `must be one of ${LEVELS.join(', ')}`));
    }
    if (version !== undefined && !/^(latest|v1\.(0|[1-9]\d*))$/.test(version)) {
      errors.push(invalid(path.key(versionKey), version, 'must be "latest" or "v1.x"'));
    }
    return errors;
  });
}

/** Pods that are there stay; who made the namespace stricter is told about them. */
function warnOfExisting(request: AdmissionRequest, listers: Listers, before: Policy, after: Policy): void {
  const looser = LEVELS.indexOf(after.level) < LEVELS.indexOf(before.level);
  if (after.level === 'privileged' || after.shown === before.shown) return;
  if (looser && after.minor === before.minor) return;
  const existing = listers(pods).list(request.name);
  if (existing.length > MAX_EXISTING_PODS) return;
  const names = new Map<string, string[]>();
  for (const pod of existing) {
    const found = violations(pod, after);
    if (!found) continue;
    const reasons = found.replace(/ \((?:[^()"]|"[^"]*")*\)/g, '');
    names.set(reasons, [...(names.get(reasons) ?? []), pod.metadata.name ?? '']);
  }
  if (names.size === 0) return;
  request.warn(
    `existing pods in namespace ${JSON.stringify(request.name)} violate the new PodSecurity enforce level "${after.shown}"`,
  );
  for (const [reasons, [first = '', ...others]] of names) {
    const more = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`;
    request.warn(`${first}${more}: ${reasons}`);
  }
}
