import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type {
  MutatingAdmissionPolicy,
  Mutation,
  NamedRuleWithOperations,
} from '#machinery/types/admissionregistration-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { defaultMatchResources } from '../match.ts';
import { paramKindCell, validatePolicy } from '../policy.ts';

const SPEC = FieldPath.of('spec');
const MUTABLE = ['CREATE', 'UPDATE'];
const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const PATCH_FIELDS = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

/** Rules in CEL that may change what is written. Source: admissionregistration.k8s.io/v1 API, KEP-3962. */
export const mutatingAdmissionPolicy = defineResource('admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicy', {
  plural: 'mutatingadmissionpolicies',
  scope: 'cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  unconditionalUpdate: false,
  otherVersions: { v1beta1: {}, v1alpha1: {} },
  allColumns: [
    nameColumn,
    column('Mutations', ({ spec }) => (spec.mutations ?? []).length, { type: 'integer' }),
    column('ParamKind', ({ spec }) => paramKindCell(spec)),
    ageColumn,
  ],

  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ??= 'Fail';
    defaultMatchResources(spec.matchConstraints);
  },
  validate: validateMutatingPolicy,
});

function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { mutations, reinvocationPolicy } = spec ?? {};
  const path = SPEC.at('reinvocationPolicy');
  return [
    ...validatePolicy(spec ?? {}, SPEC),
    ...validateOperations(spec?.matchConstraints?.resourceRules ?? []),
    ...((mutations ?? []).length === 0
      ? [required(SPEC.at('mutations'), 'mutations must contain at least one item')]
      : eachItem(mutations, SPEC.at('mutations'), validateMutation)),
    ...(!reinvocationPolicy
      ? [required(path)]
      : REINVOCATION_POLICIES.includes(reinvocationPolicy)
        ? []
        : [notSupported(path, reinvocationPolicy, REINVOCATION_POLICIES)]),
  ];
}

/** Only what is created or updated can be changed. */
function validateOperations(rules: readonly NamedRuleWithOperations[]): FieldError[] {
  const path = SPEC.at('matchConstraints', 'resourceRules', 'operations');
  const operations = rules.flatMap((rule) => rule.operations ?? []);
  return operations
    .filter((operation) => !MUTABLE.includes(operation))
    .map((operation) => notSupported(path, operation, MUTABLE));
}

function validateMutation(mutation: Mutation, path: FieldPath): FieldError[] {
  const { patchType } = mutation;
  if (!patchType) return [required(path.at('patchType'), 'patchType is not specified')];
  if (patchType !== 'ApplyConfiguration' && patchType !== 'JSONPatch') {
    return [notSupported(path.at('patchType'), patchType, Object.keys(PATCH_FIELDS))];
  }
  const own = PATCH_FIELDS[patchType];
  const other = own === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch';
  const errors: FieldError[] = [];
  if (mutation[other]) {
    errors.push(invalid(path.at(other), `{${other}}`, `${other} must not be specified when patchType is ${patchType}`));
  }
  if (!mutation[own]) errors.push(required(path.at(own), `${own} is required when patchType is ${patchType}`));
  else if (!mutation[own].expression?.trim()) {
    errors.push(required(path.at(own, 'expression'), 'expression is not specified'));
  }
  return errors;
}
