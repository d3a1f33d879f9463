import { type FieldError, FieldPath, invalid, notSupported } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { PodDisruptionBudget } from '#machinery/types/policy-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { validateConditions } from '#machinery/validation/conditions.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { countOrPercent, notOver100Percent } from '../../apps/workload.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');
const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

/** Limits voluntary disruptions of the pods it selects. Source: policy/v1 API, KEP-85. */
export const podDisruptionBudget = defineResource('policy/v1', 'PodDisruptionBudget', {
  plural: 'poddisruptionbudgets',
  scope: 'namespaced',
  shortNames: ['pdb'],
  hasGeneration: true,
  unconditionalUpdate: false,
  validateName: isPathSegment,
  allColumns: [
    nameColumn,
    column('Min Available', ({ spec }) => String(spec.minAvailable ?? 'N/A')),
    column('Max Unavailable', ({ spec }) => String(spec.maxUnavailable ?? 'N/A')),
    column('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0, { type: 'integer' }),
    ageColumn,
  ],

  prepareForCreate(draft) {
    draft.status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  },
  validate: validateBudget,

  subresources: {
    status: {
      validateUpdate({ status }) {
        const counts = (['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap(
          (field) => nonNegative(status?.[field], STATUS.at(field)),
        );
        return [...validateConditions(status?.conditions, STATUS.at('conditions')), ...counts];
      },
    },
  },
});

function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec ?? {};
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalid(SPEC, spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [field, value] of [
    ['minAvailable', minAvailable],
    ['maxUnavailable', maxUnavailable],
  ] as const) {
    errors.push(...countOrPercent(value, SPEC.at(field)), ...notOver100Percent(value, SPEC.at(field)));
  }
  errors.push(...validateLabelSelector(selector, SPEC.at('selector')));
  if (policy !== undefined && !EVICTION_POLICIES.includes(policy)) {
    errors.push(notSupported(SPEC.at('unhealthyPodEvictionPolicy'), policy, EVICTION_POLICIES));
  }
  return errors;
}
