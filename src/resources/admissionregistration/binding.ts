import { type FieldError, type FieldPath, required } from '#machinery/field-error.ts';
import type { MatchResources, ParamRef } from '#machinery/types/admissionregistration-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { validateMatchResources, validateParamRef } from './match.ts';

/** What the bindings of validating and mutating policies have in common. */
interface BindingSpec {
  readonly policyName?: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchResources;
}

export function validateBinding({ policyName, paramRef, matchResources }: BindingSpec, path: FieldPath): FieldError[] {
  const name = path.at('policyName');
  return [
    ...(policyName ? invalidFor(isDnsSubdomain(policyName, false), policyName, name) : [required(name)]),
    ...validateParamRef(paramRef, path.at('paramRef')),
    ...(matchResources ? validateMatchResources(matchResources, path.at('matchResources')) : []),
  ];
}

export function paramRefCell({ paramRef }: Pick<BindingSpec, 'paramRef'>): string {
  if (!paramRef) return '<unset>';
  if (!paramRef.name) return '*';
  return paramRef.namespace ? `${paramRef.namespace}/${paramRef.name}` : paramRef.name;
}
