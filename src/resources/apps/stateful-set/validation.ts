import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { StatefulSet, StatefulSetUpdateStrategy } from '#machinery/types/apps-v1.ts';
import { eachItem, invalidFor, nonNegative } from '#machinery/validation/basics.ts';
import type { PodTemplateSpec } from '#machinery/types/core-v1.ts';
import { validateClaimSpec } from '../../core/persistent-volume-claim/claim-spec.ts';
import { isDns1123Service } from '../../core/service/service-name.ts';
import {
  collisionCountGrows,
  countOrPercent,
  nonNegativeCounts,
  notGreater,
  notOver100Percent,
  validateRunningTemplate,
  validateWorkloadSelector,
} from '../workload.ts';

const SPEC = FieldPath.of('spec');
const RETENTION = ['Delete', 'Retain'];

export function validateStatefulSet(set: StatefulSet, context: WriteContext): FieldError[] {
  return [
    ...eachItem(set.spec.volumeClaimTemplates, SPEC.at('volumeClaimTemplates'), (claim, at) =>
      validateClaimSpec(claim.spec, at.at('spec')),
    ),
    ...validateMutable(set, context),
  ];
}

/** All but the templates of claims, which an update cannot change. */
function validateMutable({ spec }: StatefulSet, { featureOn }: WriteContext): FieldError[] {
  return [
    ...validateManagement(spec.podManagementPolicy, SPEC.at('podManagementPolicy')),
    ...validateStrategy(spec.updateStrategy ?? {}, SPEC.at('updateStrategy')),
    ...validateRetention(spec, SPEC.at('persistentVolumeClaimRetentionPolicy')),
    ...nonNegative(spec.replicas, SPEC.at('replicas')),
    ...nonNegative(spec.minReadySeconds, SPEC.at('minReadySeconds')),
    ...(spec.ordinals ? nonNegative(spec.ordinals.start, SPEC.at('ordinals', 'start')) : []),
    ...(spec.serviceName
      ? invalidFor(isDns1123Service(spec.serviceName), spec.serviceName, SPEC.at('serviceName'))
      : []),
    ...validateWorkloadSelector(spec.selector, 'statefulset'),
    ...validateRunningTemplate(withClaims(spec), { selector: spec.selector, kind: 'StatefulSet' }, featureOn),
  ];
}

/** Each claim template is a volume of its name in every pod. */
function withClaims({ template, volumeClaimTemplates }: StatefulSet['spec']): PodTemplateSpec {
  const names = new Set((volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? ''));
  if (names.size === 0) return template;
  const made = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...made, ...others] } };
}

function validateManagement(policy: string | undefined, path: FieldPath): FieldError[] {
  if (!policy) return [required(path)];
  const good = policy === 'OrderedReady' || policy === 'Parallel';
  return good ? [] : [invalid(path, policy, "must be 'OrderedReady' or 'Parallel'")];
}

function validateStrategy({ type, rollingUpdate }: StatefulSetUpdateStrategy, path: FieldPath): FieldError[] {
  if (!type) return [required(path)];
  if (type === 'OnDelete') {
    if (!rollingUpdate) return [];
    return [invalid(path.at('rollingUpdate'), rollingUpdate, `only allowed for updateStrategy 'RollingUpdate'`)];
  }
  if (type !== 'RollingUpdate') return [invalid(path, { type }, "must be 'RollingUpdate' or 'OnDelete'")];
  const at = path.at('rollingUpdate');
  return [
    ...nonNegative(rollingUpdate?.partition, at.at('partition')),
    ...countOrPercent(rollingUpdate?.maxUnavailable, at.at('maxUnavailable')),
    ...notOver100Percent(rollingUpdate?.maxUnavailable, at.at('maxUnavailable')),
  ];
}

function validateRetention(spec: StatefulSet['spec'], path: FieldPath): FieldError[] {
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  return (['whenDeleted', 'whenScaled'] as const).flatMap((field) => {
    const value = policy?.[field] ?? '';
    return RETENTION.includes(value) ? [] : [notSupported(path.at(field), value, RETENTION)];
  });
}

const MUTABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'persistentVolumeClaimRetentionPolicy',
  'revisionHistoryLimit',
];

export function validateStatefulSetUpdate(set: StatefulSet, old: StatefulSet, context: WriteContext): FieldError[] {
  const fixed = (spec: StatefulSet['spec']) =>
    Object.fromEntries(Object.entries(spec).filter(([field]) => !MUTABLE.includes(field)));
  const errors = validateMutable(set, context);
  if (semanticEqual(fixed(set.spec), fixed(old.spec))) return errors;
  return [
    forbidden(
      SPEC,
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
    ...errors,
  ];
}

const COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const;

export function validateStatefulSetStatus({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const counts = { ...status };
  return [
    ...nonNegativeCounts(status, COUNTS),
    ...notGreater(counts, 'readyReplicas', 'replicas'),
    ...notGreater(counts, 'currentReplicas', 'replicas'),
    ...notGreater(counts, 'updatedReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'readyReplicas'),
    ...collisionCountGrows(status?.collisionCount, old.status?.collisionCount),
  ];
}
