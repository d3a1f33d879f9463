import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { MatchCondition, MatchResources, ParamKind, Variable } from '#machinery/types/admissionregistration-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import {
  FAILURE_POLICIES,
  givenAndKnown,
  validateMatchConditions,
  validateMatchResources,
  validateParamKind,
} from './match.ts';

/** What validating and mutating policies have in common. */
interface PolicySpec {
  readonly failurePolicy?: string;
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchResources;
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly Variable[];
}

const CEL_IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const CEL_RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

export function validatePolicy(spec: PolicySpec, path: FieldPath): FieldError[] {
  const constraints = path.at('matchConstraints');
  return [
    ...givenAndKnown(spec.failurePolicy, FAILURE_POLICIES, path.at('failurePolicy')),
    ...(spec.paramKind ? validateParamKind(spec.paramKind, path.at('paramKind')) : []),
    ...(spec.matchConstraints ? validateMatchResources(spec.matchConstraints, constraints) : [required(constraints)]),
    ...(spec.matchConstraints && (spec.matchConstraints.resourceRules ?? []).length === 0
      ? [required(constraints.at('resourceRules'))]
      : []),
    ...validateMatchConditions(spec.matchConditions, path.at('matchConditions')),
    ...eachItem(spec.variables, path.at('variables'), validateVariable),
  ];
}

function validateVariable({ name, expression }: Variable, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (!name?.trim()) errors.push(required(path.at('name'), 'name is not specified'));
  else if (!CEL_IDENTIFIER.test(name) || CEL_RESERVED.has(name)) {
    errors.push(invalid(path.at('name'), name, 'name is not a valid CEL identifier'));
  }
  if (!expression?.trim()) errors.push(required(path.at('expression'), 'expression is not specified'));
  return errors;
}

/** `apiVersion/kind` is what tables show of the kind of parameters. */
export function paramKindCell({ paramKind }: Pick<PolicySpec, 'paramKind'>): string {
  if (!paramKind) return '<unset>';
  return paramKind.apiVersion ? `${paramKind.apiVersion}/${paramKind.kind}` : (paramKind.kind ?? '');
}
