import { FieldPath } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '#machinery/types/autoscaling-v2.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { asV2, convertAutoscalers, dropOldAnnotations } from './conversion.ts';
import { targetsCell } from './targets.ts';
import { validateAutoscaler } from './validation.ts';

const STATUS = FieldPath.of('status');
const QUARTER_MINUTE = 15;

/** Changes the number of a workload's pods with what metrics say. Source: autoscaling/v2 API. */
export const horizontalPodAutoscaler = defineResource('autoscaling/v2', 'HorizontalPodAutoscaler', {
  plural: 'horizontalpodautoscalers',
  scope: 'namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  otherVersions: { v1: { columnsOfStored: true } },
  convert: convertAutoscalers as never, // objects of the other version have the other version's fields
  allColumns: [
    nameColumn,
    column('Reference', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
    column('Targets', targetsOfAnyVersion),
    column('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
    column('MaxPods', ({ spec }) => spec.maxReplicas),
    column('Replicas', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],

  defaults: defaultAutoscaler,
  prepareForCreate(draft) {
    draft.status = { desiredReplicas: 0 };
  },
  validate: validateAutoscaler,
  /** A target that names no group may stay as it is stored. */
  validateUpdate(autoscaler, old, context) {
    const errors = validateAutoscaler(autoscaler, context);
    const stored = new Set(validateAutoscaler(old, context).map(({ field }) => field));
    const kept = (field: string) => field === 'spec.scaleTargetRef.apiVersion' && stored.has(field);
    return errors.filter(({ field }) => !kept(field));
  },

  subresources: {
    status: {
      validateUpdate: ({ status }) => [
        ...nonNegative(status?.currentReplicas, STATUS.at('currentReplicas')),
        ...nonNegative(status?.desiredReplicas, STATUS.at('desiredReplicas')),
      ],
    },
  },
});

/** Rows that come with the whole object are made of the version that is asked for. */
function targetsOfAnyVersion(autoscaler: HorizontalPodAutoscaler): string {
  return targetsCell(asV2(autoscaler));
}

/** Without metrics the target is 80 % of the CPU that pods ask for. */
function defaultAutoscaler(autoscaler: Draft<HorizontalPodAutoscaler>): void {
  dropOldAnnotations(autoscaler);
  const { spec } = autoscaler;
  if (!spec) return;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  if (!spec.behavior) return;
  const doubled = { type: 'Percent', value: 100, periodSeconds: QUARTER_MINUTE };
  spec.behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    ...withDefaults(spec.behavior.scaleUp, [{ type: 'Pods', value: 4, periodSeconds: QUARTER_MINUTE }, doubled]),
  };
  spec.behavior.scaleDown = withDefaults(spec.behavior.scaleDown, [doubled]);
}

function withDefaults(
  rules: Draft<HPAScalingRules> | undefined,
  policies: NonNullable<Draft<HPAScalingRules>['policies']>,
): Draft<HPAScalingRules> {
  return { selectPolicy: 'Max', policies, ...rules };
}
