import { FieldPath } from '#machinery/field-error.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { defaultClaimSpec } from '../claim-spec.ts';
import { validateClaimSpec } from '../claim-validation.ts';

/** What a pod's own claims are made from. Source: resource.k8s.io/v1 API, KEP-4381. */
export const resourceClaimTemplate = defineResource('resource.k8s.io/v1', 'ResourceClaimTemplate', {
  plural: 'resourceclaimtemplates',
  scope: 'namespaced',
  returnsDeleted: true,
  otherVersions: { v1beta1: {}, v1beta2: {} },

  defaults({ spec }) {
    defaultClaimSpec(spec?.spec);
  },
  validate: ({ spec }) => validateClaimSpec(spec?.spec ?? {}, FieldPath.of('spec', 'spec')),
  validateUpdate: (template, old) => validateImmutable(template.spec, old.spec, FieldPath.of('spec')),
});
