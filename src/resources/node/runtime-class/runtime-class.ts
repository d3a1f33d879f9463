import { semanticEqual } from '#machinery/equality.ts';
import { duplicate, type FieldError, FieldPath, required } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Toleration } from '#machinery/types/core-v1.ts';
import type { RuntimeClass } from '#machinery/types/node-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { validateLabels } from '#machinery/validation/labels.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { containerResourceName, validateRequirements } from '../../core/pod/validation/resources.ts';
import { validateTolerations } from '../../core/pod/validation/scheduling.ts';

const HANDLER = FieldPath.of('handler');
const SCHEDULING = FieldPath.of('scheduling');

/** How a node's container runtime runs pods. Source: node.k8s.io/v1 API. */
export const runtimeClass = defineResource('node.k8s.io/v1', 'RuntimeClass', {
  plural: 'runtimeclasses',
  scope: 'cluster',
  createOnUpdate: true,
  unconditionalUpdate: false,
  columns: [column('Handler', ({ handler }) => handler)],

  validate: validateRuntimeClass,
  validateUpdate: (each, old) => [
    ...(each.handler ? [] : [required(HANDLER)]),
    ...validateImmutable(each.handler, old.handler, HANDLER),
  ],
});

function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  const tolerations = SCHEDULING.at('tolerations');
  return [
    ...(handler ? invalidFor(isDnsLabel(handler, false), handler, HANDLER) : [required(HANDLER)]),
    ...(overhead?.podFixed
      ? validateRequirements({ limits: overhead.podFixed }, FieldPath.of('overhead'), containerResourceName)
      : []),
    ...validateLabels(scheduling?.nodeSelector, SCHEDULING.at('nodeSelector')),
    ...validateTolerations(scheduling?.tolerations, tolerations),
    ...validateDistinct(scheduling?.tolerations, tolerations),
  ];
}

function validateDistinct(tolerations: readonly Toleration[] | undefined, path: FieldPath): FieldError[] {
  return eachItem(tolerations, path, (toleration, at, index) =>
    (tolerations ?? []).slice(0, index).some((other) => semanticEqual(other, toleration))
      ? [duplicate(at, toleration)]
      : [],
  );
}
