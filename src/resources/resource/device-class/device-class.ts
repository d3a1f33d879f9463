import { type FieldError, FieldPath, invalid, tooMany } from '#machinery/field-error.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { DeviceClass } from '#machinery/types/resource-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isExtended } from '../../core/resource-names.ts';
import { validateOpaque, validateSelectors } from '../claim-validation.ts';

const SPEC = FieldPath.of('spec');
const MAX_CONFIGURATIONS = 32;

/** A kind of devices that claims name. Source: resource.k8s.io/v1 API, KEP-4381. */
export const deviceClass = defineResource('resource.k8s.io/v1', 'DeviceClass', {
  plural: 'deviceclasses',
  scope: 'cluster',
  hasGeneration: true,
  returnsDeleted: true,
  otherVersions: { v1beta1: {}, v1beta2: {} },

  validate: validateClass,
});

function validateClass({ spec }: DeviceClass): FieldError[] {
  const path = SPEC.at('config');
  const extended = spec?.extendedResourceName;
  const configurations = spec?.config ?? [];
  return [
    ...validateSelectors(spec?.selectors ?? [], SPEC.at('selectors')),
    ...(configurations.length > MAX_CONFIGURATIONS ? [tooMany(path, configurations.length, MAX_CONFIGURATIONS)] : []),
    ...(extended === undefined || isExtended(extended)
      ? []
      : [invalid(SPEC.at('extendedResourceName'), extended, 'must be a valid extended resource name')]),
    ...eachItem(configurations, path, ({ opaque }, at) => validateOpaque(opaque, at.at('opaque'))),
  ];
}
