import { type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '#machinery/types/core-v1.ts';
import { isQuotaHugePages, isStandard, quantityErrors, resourceName } from '../resource-names.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');
const COMPUTE = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];

/** What each scope can count. */
const SCOPES: ReadonlyMap<string, readonly string[]> = new Map([
  ['Terminating', ['pods', ...COMPUTE]],
  ['NotTerminating', ['pods', ...COMPUTE]],
  ['NotBestEffort', ['pods', ...COMPUTE]],
  ['PriorityClass', ['pods', ...COMPUTE]],
  ['CrossNamespacePodAffinity', ['pods', ...COMPUTE]],
  ['BestEffort', ['pods']],
  ['VolumeAttributesClass', ['persistentvolumeclaims', 'requests.storage']],
]);
const EITHER_OR = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
/** Scopes that a thing is in or not: there are no values to choose from. */
const PLAIN = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];

export function validateResourceQuota({ spec }: ResourceQuota): FieldError[] {
  return validateSpec(spec ?? {});
}

export function validateResourceQuotaUpdate({ spec }: ResourceQuota, old: ResourceQuota): FieldError[] {
  const set = (scopes: readonly string[] | undefined) => [...new Set(scopes)].sort().join();
  return [
    ...validateSpec(spec ?? {}),
    ...(set(spec?.scopes) === set(old.spec?.scopes)
      ? []
      : [invalid(SPEC.at('scopes'), spec?.scopes ?? [], 'field is immutable')]),
  ];
}

export function validateQuotaStatus({ status }: ResourceQuota): FieldError[] {
  return [...validateAmounts(status?.hard, STATUS.at('hard')), ...validateAmounts(status?.used, STATUS.at('used'))];
}

function validateSpec(spec: ResourceQuotaSpec): FieldError[] {
  return [
    ...validateAmounts(spec.hard, SPEC.at('hard')),
    ...validateScopes(spec, SPEC.at('scopes')),
    ...validateSelector(spec, SPEC.at('scopeSelector', 'matchExpressions')),
  ];
}

function isStandardForQuota(name: string): boolean {
  return isQuotaHugePages(name) || (isStandard(name) && name !== 'storage');
}

function validateAmounts(amounts: Readonly<Record<string, string>> | undefined, path: FieldPath): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, text]) => {
    const at = path.key(name);
    const errors = resourceName(name, at);
    if (!name.includes('/') && !isStandardForQuota(name)) {
      errors.push(invalid(at, name, 'must be a standard resource for quota'));
    }
    return [...errors, ...quantityErrors(name, text, at)];
  });
}

/** One error for each resource that a scope cannot count. */
function uncounted(scope: string, { hard }: ResourceQuotaSpec): readonly string[] {
  const counted = SCOPES.get(scope);
  if (!counted) return [];
  return Object.keys(hard ?? {}).filter((name) => isStandardForQuota(name) && !counted.includes(name));
}

function conflicts(scopes: readonly string[]): readonly unknown[] {
  return EITHER_OR.filter((pair) => pair.every((scope) => scopes.includes(scope)));
}

function validateScopes(spec: ResourceQuotaSpec, path: FieldPath): FieldError[] {
  const scopes = spec.scopes ?? [];
  const error = (detail: string) => invalid(path, scopes, detail);
  return [
    ...scopes.flatMap((scope) => [
      ...(SCOPES.has(scope) ? [] : [error('unsupported scope')]),
      ...uncounted(scope, spec).map(() => error('unsupported scope applied to resource')),
    ]),
    ...conflicts(scopes).map(() => error('conflicting scopes')),
  ];
}

function validateSelector(spec: ResourceQuotaSpec, path: FieldPath): FieldError[] {
  const requirements = spec.scopeSelector?.matchExpressions ?? [];
  return [
    ...requirements.flatMap((requirement) => [
      ...validateRequirement(requirement, path),
      ...uncounted(requirement.scopeName, spec).map(() =>
        invalid(path, spec.scopeSelector, 'unsupported scope applied to resource'),
      ),
    ]),
    ...conflicts(requirements.map(({ scopeName }) => scopeName)).map(() =>
      invalid(path, spec.scopeSelector, 'conflicting scopes'),
    ),
  ];
}

/** Upstream names no index in the paths of these. */
function validateRequirement(
  { scopeName, operator, values }: ScopedResourceSelectorRequirement,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const count = (values ?? []).length;
  if (!SCOPES.has(scopeName)) errors.push(invalid(path.at('scopeName'), scopeName ?? '', 'unsupported scope'));
  if (PLAIN.includes(scopeName) && operator !== 'Exists') {
    const detail =
      "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    errors.push(invalid(path.at('operator'), operator, detail));
  }
  if (operator === 'In' || operator === 'NotIn') {
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    if (count === 0) errors.push(required(path.at('values'), detail));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    if (count > 0) errors.push(invalid(path.at('values'), values, detail));
  } else errors.push(invalid(path.at('operator'), operator ?? '', 'not a valid selector operator'));
  return errors;
}
