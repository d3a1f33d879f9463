import { FieldPath } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { paramRefCell, validateBinding } from '../binding.ts';
import { defaultMatchResources } from '../match.ts';

/** Puts a mutating policy to work. Source: admissionregistration.k8s.io/v1 API, KEP-3962. */
export const mutatingAdmissionPolicyBinding = defineResource(
  'admissionregistration.k8s.io/v1',
  'MutatingAdmissionPolicyBinding',
  {
    plural: 'mutatingadmissionpolicybindings',
    scope: 'cluster',
    categories: ['api-extensions'],
    hasGeneration: true,
    unconditionalUpdate: false,
    otherVersions: { v1beta1: {}, v1alpha1: {} },
    allColumns: [
      nameColumn,
      column('PolicyName', ({ spec }) => spec.policyName ?? ''),
      column('ParamRef', ({ spec }) => paramRefCell(spec)),
      ageColumn,
    ],

    defaults({ spec }) {
      defaultMatchResources(spec?.matchResources);
    },
    validate: ({ spec }) => validateBinding(spec ?? {}, FieldPath.of('spec')),
  },
);
