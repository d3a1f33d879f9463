import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { keepMetadata } from '#machinery/resource/status-metadata.ts';
import { defaultMatchResources } from '../match.ts';
import { paramKindCell } from '../policy.ts';
import { validatePolicyStatus, validateValidatingPolicy } from './validation.ts';

/** Rules in CEL that may refuse what is written. Source: admissionregistration.k8s.io/v1 API, KEP-3488. */
export const validatingAdmissionPolicy = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy',
  {
    plural: 'validatingadmissionpolicies',
    scope: 'cluster',
    categories: ['api-extensions'],
    hasGeneration: true,
    unconditionalUpdate: false,
    allColumns: [
      nameColumn,
      column('Validations', ({ spec }) => (spec.validations ?? []).length, { type: 'integer' }),
      column('ParamKind', ({ spec }) => paramKindCell(spec)),
      ageColumn,
    ],
    subresources: { status: { prepareForUpdate: keepMetadata, validateUpdate: validatePolicyStatus } },

    defaults({ spec }) {
      if (!spec) return;
      spec.failurePolicy ??= 'Fail';
      defaultMatchResources(spec.matchConstraints);
    },
    prepareForCreate(draft) {
      draft.status = {};
    },
    validate: validateValidatingPolicy,
  },
);
