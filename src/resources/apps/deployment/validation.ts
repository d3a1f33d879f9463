import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { numberIn } from '#machinery/int-or-string.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { Deployment, DeploymentStrategy } from '#machinery/types/apps-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import {
  collisionCountGrows,
  countOrPercent,
  immutable,
  nonNegativeCounts,
  notGreater,
  notOver100Percent,
  validateRunningTemplate,
  validateWorkloadSelector,
} from '../workload.ts';

const SPEC = FieldPath.of('spec');
const STRATEGIES = ['Recreate', 'RollingUpdate'];

export function validateDeployment({ spec }: Deployment, { featureOn }: WriteContext): FieldError[] {
  const errors = [
    ...nonNegative(spec.replicas, SPEC.at('replicas')),
    ...validateWorkloadSelector(spec.selector, 'deployment'),
    ...validateRunningTemplate(spec.template, { selector: spec.selector, kind: 'ReplicaSet' }, featureOn),
    ...validateStrategy(spec.strategy ?? {}, SPEC.at('strategy')),
    ...nonNegative(spec.minReadySeconds, SPEC.at('minReadySeconds')),
    ...nonNegative(spec.revisionHistoryLimit, SPEC.at('revisionHistoryLimit')),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined) {
    const path = SPEC.at('progressDeadlineSeconds');
    errors.push(...nonNegative(deadline, path));
    if (deadline <= (spec.minReadySeconds ?? 0)) {
      errors.push(invalid(path, deadline, 'must be greater than minReadySeconds'));
    }
  }
  return errors;
}

function validateStrategy({ type, rollingUpdate }: DeploymentStrategy, path: FieldPath): FieldError[] {
  const at = path.at('rollingUpdate');
  if (type === 'Recreate') {
    return rollingUpdate ? [forbidden(at, "may not be specified when strategy `type` is 'Recreate'")] : [];
  }
  if (type !== 'RollingUpdate') return [notSupported(path, { type, rollingUpdate }, STRATEGIES)];
  if (!rollingUpdate) return [required(at, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...countOrPercent(maxUnavailable, at.at('maxUnavailable')),
    ...countOrPercent(maxSurge, at.at('maxSurge')),
  ];
  if (numberIn(maxUnavailable) === 0 && numberIn(maxSurge) === 0) {
    errors.push(invalid(at.at('maxUnavailable'), maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...notOver100Percent(maxUnavailable, at.at('maxUnavailable'))];
}

export function validateDeploymentUpdate(deployment: Deployment, old: Deployment, context: WriteContext): FieldError[] {
  return [
    ...immutable(deployment.spec.selector, old.spec.selector, SPEC.at('selector')),
    ...validateDeployment(deployment, context),
  ];
}

const COUNTS = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
] as const;

export function validateDeploymentStatus({ status }: Deployment, old: Deployment): FieldError[] {
  const counts = { ...status };
  return [
    ...nonNegativeCounts(status, COUNTS),
    ...(status?.collisionCount === undefined
      ? []
      : nonNegative(status.collisionCount, FieldPath.of('status', 'collisionCount'))),
    ...notGreater(counts, 'updatedReplicas', 'replicas'),
    ...notGreater(counts, 'readyReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'replicas'),
    ...notGreater(counts, 'availableReplicas', 'readyReplicas'),
    ...collisionCountGrows(status?.collisionCount, old.status?.collisionCount),
  ];
}
