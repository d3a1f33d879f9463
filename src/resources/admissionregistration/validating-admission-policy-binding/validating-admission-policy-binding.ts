import { duplicate, type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { paramRefCell, validateBinding } from '../binding.ts';
import { defaultMatchResources } from '../match.ts';

const SPEC = FieldPath.of('spec');
const ACTIONS = ['Audit', 'Deny', 'Warn'];

/** Puts a validating policy to work. Source: admissionregistration.k8s.io/v1 API, KEP-3488. */
export const validatingAdmissionPolicyBinding = defineResource(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding',
  {
    plural: 'validatingadmissionpolicybindings',
    scope: 'cluster',
    categories: ['api-extensions'],
    hasGeneration: true,
    unconditionalUpdate: false,
    allColumns: [
      nameColumn,
      column('PolicyName', ({ spec }) => spec.policyName),
      column('ParamRef', ({ spec }) => paramRefCell(spec)),
      ageColumn,
    ],

    defaults({ spec }) {
      defaultMatchResources(spec?.matchResources);
    },
    validate: ({ spec }) => [...validateBinding(spec ?? {}, SPEC), ...validateActions(spec?.validationActions ?? [])],
  },
);

function validateActions(actions: readonly string[]): FieldError[] {
  const path = SPEC.at('validationActions');
  if (actions.length === 0) return [required(path, 'at least one validation action is required')];
  const errors = eachItem(actions, path, (action, at, index) => [
    ...(ACTIONS.includes(action) ? [] : [notSupported(at, action, ACTIONS)]),
    ...(actions.indexOf(action) < index ? [duplicate(at, action)] : []),
  ]);
  if (!actions.includes('Deny') || !actions.includes('Warn')) return errors;
  const detail =
    'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
  return [...errors, invalid(path, actions, detail)];
}
