import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
} from '#machinery/types/autoscaling-v2.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { nonNegativeQuantity } from '../../core/resource-names.ts';
import { validateMetric } from './metrics.ts';
import { validateObjectReference } from './object-reference.ts';

const SPEC = FieldPath.of('spec');
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];

export function validateAutoscaler(
  { spec }: HorizontalPodAutoscaler,
  { featureOn }: Pick<WriteContext, 'featureOn'>,
): FieldError[] {
  const metrics = spec.metrics ?? [];
  const path = SPEC.at('metrics');
  const fromOutside = metrics.some(({ type }) => type === 'Object' || type === 'External');
  return [
    ...validateReplicas(spec, featureOn('HPAScaleToZero') ? 0 : 1),
    ...validateObjectReference(spec.scaleTargetRef ?? {}, SPEC.at('scaleTargetRef')),
    ...validateTargetGroup(spec.scaleTargetRef ?? {}, SPEC.at('scaleTargetRef', 'apiVersion')),
    ...eachItem(metrics, path, validateMetric),
    ...(spec.minReplicas === 0 && !fromOutside
      ? [forbidden(path, 'must specify at least one Object or External metric to support scaling to zero replicas')]
      : []),
    ...validateRules(spec.behavior?.scaleUp, SPEC.at('behavior', 'scaleUp')),
    ...validateRules(spec.behavior?.scaleDown, SPEC.at('behavior', 'scaleDown')),
  ];
}

function validateReplicas({ minReplicas, maxReplicas }: HorizontalPodAutoscalerSpec, least: number): FieldError[] {
  const path = SPEC.at('maxReplicas');
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < least) {
    errors.push(invalid(SPEC.at('minReplicas'), minReplicas, `must be greater than or equal to ${least}`));
  }
  if (maxReplicas === 0) errors.push(required(path));
  else if (maxReplicas < 0) errors.push(invalid(path, maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid(path, maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  return errors;
}

/** A target without a group is almost always a forgotten one: of the core kinds only one has a scale. */
function validateTargetGroup(
  { kind, apiVersion }: Partial<CrossVersionObjectReference>,
  path: FieldPath,
): FieldError[] {
  if ((apiVersion ?? '').includes('/') || kind === 'ReplicationController') return [];
  return [invalid(path, apiVersion ?? '', 'apiVersion must specify API group')];
}

function validateRules(rules: HPAScalingRules | undefined, path: FieldPath): FieldError[] {
  if (!rules) return [];
  const errors: FieldError[] = [];
  const seconds = rules.stabilizationWindowSeconds ?? 0;
  const window = path.at('stabilizationWindowSeconds');
  if (seconds < 0) errors.push(invalid(window, seconds, 'must be greater than or equal to zero'));
  if (seconds > MAX_WINDOW_SECONDS) {
    errors.push(invalid(window, seconds, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  }
  if (rules.selectPolicy !== undefined && !SELECT_POLICIES.includes(rules.selectPolicy)) {
    errors.push(notSupported(path.at('selectPolicy'), rules.selectPolicy, SELECT_POLICIES));
  }
  const policies = path.at('policies');
  if ((rules.policies ?? []).length === 0) errors.push(required(policies, 'must specify at least one Policy'));
  errors.push(...eachItem(rules.policies, policies, validatePolicy));
  if (rules.tolerance !== undefined) errors.push(...nonNegativeQuantity(rules.tolerance, path.at('tolerance')));
  return errors;
}

function validatePolicy({ type, value, periodSeconds }: HPAScalingPolicy, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const period = path.at('periodSeconds');
  if (!POLICY_TYPES.includes(type)) errors.push(notSupported(path.at('type'), type, POLICY_TYPES));
  if (value <= 0) errors.push(invalid(path.at('value'), value, 'must be greater than zero'));
  if (periodSeconds <= 0) errors.push(invalid(period, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > MAX_PERIOD_SECONDS) {
    errors.push(invalid(period, periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`));
  }
  return errors;
}
