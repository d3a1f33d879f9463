import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { draftOf } from '#machinery/object.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import { compileLabelSelector, matchesLabels } from '#machinery/selectors/labels.ts';
import type { Job, JobSpec } from '#machinery/types/batch-v1.ts';
import type { PodTemplateSpec } from '#machinery/types/core-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { immutable } from '../../apps/workload.ts';
import { validatePodTemplate } from '../../core/pod/validation/pod.ts';
import { validateFailurePolicy, validateSuccessPolicy } from './policy-validation.ts';

const SPEC = FieldPath.of('spec');
const MAX_INDEXED_PARALLELISM = 100_000;
const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const NAME_LABEL = 'batch.kubernetes.io/job-name';
const MAX_MANAGER = 63;

export function validateJob(job: Job, { featureOn }: WriteContext): FieldError[] {
  return [...validateGeneratedSelector(job), ...validateSelectedSpec(job, featureOn), ...validateIndexedName(job)];
}

function validateSelectedSpec({ spec }: Job, featureOn: WriteContext['featureOn']): FieldError[] {
  return [...validateJobSpec(spec, SPEC, featureOn), ...validateSelector(spec)];
}

/** Pods of an indexed job carry its name and their index in one label of a host name. */
function validateIndexedName({ metadata, spec }: Job): FieldError[] {
  if (spec.completionMode !== 'Indexed' || !spec.completions) return [];
  const longest = `${metadata.name}-${spec.completions - 1}`;
  if (isDnsLabel(longest, false).length === 0) return [];
  return [
    invalid(
      FieldPath.of('metadata', 'name'),
      metadata.name,
      `will not able to create pod with invalid DNS name: ${longest}`,
    ),
  ];
}

function validateGeneratedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector) return [];
  const path = SPEC.at('selector');
  if (!spec.selector) return [];
  const expected: Readonly<Record<string, string>> = {
    'controller-uid': metadata.uid ?? '',
    [UID_LABEL]: metadata.uid ?? '',
    'job-name': metadata.name ?? '',
    [NAME_LABEL]: metadata.name ?? '',
  };
  const labels = spec.template.metadata?.labels ?? {};
  const at = SPEC.at('template', 'metadata', 'labels');
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(expected)) {
    if (labels[key] === undefined) errors.push(required(at.key(key), `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(at.key(key), labels[key], `must be '${value}'`));
  }
  const match = spec.selector.matchLabels ?? {};
  const own = match[UID_LABEL] === metadata.uid || match['controller-uid'] === metadata.uid;
  const single = Object.keys(match).length <= 2 && (spec.selector.matchExpressions ?? []).length === 0;
  if (!own || !single || Object.keys(match).some((key) => key !== UID_LABEL && key !== 'controller-uid')) {
    errors.push(invalid(path, spec.selector, '`selector` not auto-generated'));
  }
  return errors;
}

function validateSelector({ selector, template }: JobSpec): FieldError[] {
  const errors = selector ? validateLabelSelector(selector, SPEC.at('selector')) : [required(SPEC.at('selector'))];
  if (selector && errors.length > 0) return errors;
  if (matchesLabels(compileLabelSelector(selector), template.metadata?.labels)) return errors;
  const path = SPEC.at('template', 'metadata', 'labels');
  return [...errors, invalid(path, template.metadata?.labels ?? null, '`selector` does not match template `labels`')];
}

export function validateJobSpec(spec: JobSpec, path: FieldPath, featureOn: WriteContext['featureOn']): FieldError[] {
  return [
    ...validateNumbers(spec, path),
    ...validateManager(spec, path.at('managedBy')),
    ...validateMode(spec, path),
    ...validatePerIndex(spec, path),
    ...validateFailurePolicy(spec, path.at('podFailurePolicy')),
    ...validateSuccessPolicy(spec, path),
    ...validateReplacement(spec, path.at('podReplacementPolicy')),
    ...validatePodTemplate(spec.template, path.at('template'), featureOn),
    ...validateRestartPolicy(spec, path.at('template', 'spec', 'restartPolicy')),
  ];
}

const NUMBERS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

function validateNumbers(spec: JobSpec, path: FieldPath): FieldError[] {
  return NUMBERS.flatMap((field) => nonNegative(spec[field], path.at(field)));
}

function validateManager({ managedBy }: JobSpec, path: FieldPath): FieldError[] {
  if (managedBy === undefined) return [];
  if (managedBy === '') return [required(path)];
  const [domain = '', ...rest] = managedBy.split('/');
  const good =
    rest.length > 0 &&
    rest.every((part) => /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(part)) &&
    isDnsSubdomain(domain, false).length === 0;
  const errors = good ? [] : [invalid(path, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  if (managedBy.length > MAX_MANAGER) {
    errors.push({
      type: 'FieldValueTooLong',
      field: path.toString(),
      message: `Too long: may not be more than ${MAX_MANAGER} bytes`,
    });
  }
  return errors;
}

function validateMode({ completionMode, completions, parallelism }: JobSpec, path: FieldPath): FieldError[] {
  if (completionMode === undefined || completionMode === 'NonIndexed') return [];
  if (completionMode !== 'Indexed')
    return [notSupported(path.at('completionMode'), completionMode, ['Indexed', 'NonIndexed'])];
  const errors: FieldError[] = [];
  if (completions === undefined) {
    errors.push(required(path.at('completions'), 'when completion mode is Indexed'));
  }
  if ((parallelism ?? 0) > MAX_INDEXED_PARALLELISM) {
    errors.push(
      invalid(
        path.at('parallelism'),
        parallelism,
        `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`,
      ),
    );
  }
  return errors;
}

function validatePerIndex(spec: JobSpec, path: FieldPath): FieldError[] {
  const { backoffLimitPerIndex, maxFailedIndexes, completionMode, completions } = spec;
  const errors: FieldError[] = [];
  if (backoffLimitPerIndex !== undefined && completionMode !== 'Indexed') {
    errors.push(invalid(path.at('backoffLimitPerIndex'), backoffLimitPerIndex, 'requires indexed completion mode'));
  }
  if (maxFailedIndexes === undefined) return errors;
  if (completionMode !== 'Indexed') {
    errors.push(invalid(path.at('maxFailedIndexes'), maxFailedIndexes, 'requires indexed completion mode'));
  }
  if (backoffLimitPerIndex === undefined) {
    errors.push(required(path.at('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  }
  if (completions !== undefined && maxFailedIndexes > completions) {
    errors.push(invalid(path.at('maxFailedIndexes'), maxFailedIndexes, 'must be less than or equal to completions'));
  }
  if (maxFailedIndexes > MAX_INDEXED_PARALLELISM) {
    errors.push(
      invalid(
        path.at('maxFailedIndexes'),
        maxFailedIndexes,
        `must be less than or equal to ${MAX_INDEXED_PARALLELISM}`,
      ),
    );
  }
  return errors;
}

function validateReplacement({ podReplacementPolicy, podFailurePolicy }: JobSpec, path: FieldPath): FieldError[] {
  if (podReplacementPolicy === undefined) return [];
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  return supported.includes(podReplacementPolicy) ? [] : [notSupported(path, podReplacementPolicy, supported)];
}

function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, path: FieldPath): FieldError[] {
  const policy = template.spec?.restartPolicy ?? '';
  if (policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(path, policy, ['OnFailure', 'Never'])];
  if (podFailurePolicy && policy !== 'Never') {
    return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  }
  return [];
}

const FIXED = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

export function validateJobUpdate(job: Job, old: Job, context: WriteContext): FieldError[] {
  const errors = [...validateJob(job, context), ...validateSelectedSpec(job, context.featureOn)];
  errors.push(...validateCompletionsUpdate(job.spec, old.spec));
  for (const field of FIXED) errors.push(...immutable(job.spec[field], old.spec[field], SPEC.at(field)));
  if (!semanticEqual(comparableTemplate(job, old), old.spec.template)) {
    const path = isStartable(old) ? SPEC.at('template', 'spec') : SPEC.at('template');
    errors.push(invalid(path, job.spec.template, 'field is immutable'));
  }
  return errors;
}

/** Indexed jobs are scaled by both numbers at once. */
function validateCompletionsUpdate(spec: JobSpec, old: JobSpec): FieldError[] {
  const path = SPEC.at('completions');
  if (spec.completions === old.completions) return [];
  if (spec.completionMode !== 'Indexed' || old.completions === undefined || spec.completions === undefined) {
    return immutable(spec.completions, old.completions, path);
  }
  if (spec.completions !== spec.parallelism) {
    return [invalid(path, spec.completions, 'can only be modified in tandem with spec.parallelism')];
  }
  return [];
}

/** A suspended job that never ran: where its pods go and what they get may still be decided. */
function isStartable({ spec, status }: Job): boolean {
  return spec.suspend === true && !status?.startTime;
}

const SCHEDULING = ['nodeSelector', 'tolerations', 'schedulingGates'] as const;

/** The template with everything set back that may change while the job is suspended. */
function comparableTemplate(job: Job, old: Job): PodTemplateSpec {
  const template = draftOf(job.spec.template);
  const before = draftOf(old.spec.template);
  if (!isStartable(old)) return template;
  template.metadata = { ...template.metadata };
  for (const field of ['annotations', 'labels'] as const) {
    if (before.metadata?.[field]) template.metadata[field] = before.metadata[field];
    else delete template.metadata[field];
  }
  for (const field of SCHEDULING) Object.assign(template.spec, { [field]: before.spec[field] });
  if (before.spec.affinity?.nodeAffinity) {
    template.spec.affinity = { ...template.spec.affinity, nodeAffinity: before.spec.affinity.nodeAffinity };
  } else if (template.spec.affinity) {
    delete template.spec.affinity.nodeAffinity;
    if (!before.spec.affinity && Object.keys(template.spec.affinity).length === 0) delete template.spec.affinity;
  }
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (template.spec[list] ?? []).entries()) {
      const was = before.spec[list]?.[index];
      if (was) container.resources = was.resources;
    }
  }
  for (const field of SCHEDULING) if (template.spec[field] === undefined) delete template.spec[field];
  return template;
}
