import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
  tooMany,
} from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import type { MatchCondition, MatchResources, ParamKind, ParamRef } from '#machinery/types/admissionregistration-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isQualifiedName, validateLabelSelector } from '#machinery/validation/labels.ts';
import { isDns1035Label, isDnsSubdomain, isPathSegment } from '#machinery/validation/names.ts';
import { validateNamedRule } from './rules.ts';

export const FAILURE_POLICIES = ['Fail', 'Ignore'];
export const MATCH_POLICIES = ['Equivalent', 'Exact'];
const NOT_FOUND_ACTIONS = ['Allow', 'Deny'];
const MAX_CONDITIONS = 64;

/** What matches where the author says nothing: all namespaces, all objects, of all scopes. */
export function defaultMatchResources(match: Draft<MatchResources> | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

export function validateMatchResources(match: MatchResources, path: FieldPath): FieldError[] {
  const { namespaceSelector, objectSelector, matchPolicy } = match;
  return [
    ...(namespaceSelector ? [] : [required(path.at('namespaceSelector'))]),
    ...validateLabelSelector(namespaceSelector, path.at('namespaceSelector')),
    ...(objectSelector ? [] : [required(path.at('objectSelector'))]),
    ...validateLabelSelector(objectSelector, path.at('objectSelector')),
    ...eachItem(match.resourceRules, path.at('resourceRules'), validateNamedRule),
    ...eachItem(match.excludeResourceRules, path.at('excludeResourceRules'), validateNamedRule),
    ...givenAndKnown(matchPolicy, MATCH_POLICIES, path.at('matchPolicy')),
  ];
}

/** Required where it is absent, and of a closed set, to which the empty text does not belong. */
export function givenAndKnown(value: string | undefined, known: readonly string[], path: FieldPath): FieldError[] {
  if (value === undefined) return [required(path)];
  return known.includes(value) ? [] : [notSupported(path, value, known)];
}

export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  path: FieldPath,
): FieldError[] {
  const names = new Set<string>();
  const count = conditions?.length ?? 0;
  const errors = eachItem(conditions, path, ({ name, expression }, at) => {
    const found = expression?.trim() ? [] : [required(at.at('expression'))];
    if (!name) return [...found, required(at.at('name'))];
    found.push(...invalidFor(isQualifiedName(name), name, at.at('name')));
    if (names.has(name)) found.push(duplicate(at.at('name'), name));
    names.add(name);
    return found;
  });
  return count > MAX_CONDITIONS ? [tooMany(path, count, MAX_CONDITIONS), ...errors] : errors;
}

export function validateParamKind({ apiVersion, kind }: ParamKind, path: FieldPath): FieldError[] {
  const errors = validateGroupVersion(apiVersion ?? '', path.at('apiVersion'));
  if (!kind) return [...errors, required(path.at('kind'))];
  const messages = isDns1035Label(kind.toLowerCase(), false);
  if (messages.length === 0) return errors;
  return [
    ...errors,
    invalid(path.at('kind'), kind, `may have mixed case, but should otherwise match: ${messages.join(',')}`),
  ];
}

function validateGroupVersion(apiVersion: string, path: FieldPath): FieldError[] {
  if (apiVersion === '') return [required(path)];
  const parts = apiVersion.split('/');
  if (parts.length > 2) return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [group, version = ''] = parts.length === 2 ? parts : ['', apiVersion];
  const joined = (messages: readonly string[], value: string | undefined) =>
    messages.length > 0 ? [invalid(path, value, messages.join(','))] : [];
  return [
    ...(group ? joined(isDnsSubdomain(group, false), group) : []),
    ...(version === ''
      ? [invalid(path, apiVersion, 'version must be specified')]
      : joined(isDns1035Label(version, false), version)),
  ];
}

export function validateParamRef(ref: ParamRef | undefined, path: FieldPath): FieldError[] {
  if (!ref) return [];
  const { name, selector, parameterNotFoundAction } = ref;
  const errors: FieldError[] = [];
  if (name) {
    errors.push(...invalidFor(isPathSegment(name, false), name, path.at('name')));
    if (selector) errors.push(forbidden(path.at('name'), 'name and selector are mutually exclusive'));
  }
  if (selector) {
    errors.push(...validateLabelSelector(selector, path.at('selector')));
    if (name) errors.push(forbidden(path.at('selector'), 'name and selector are mutually exclusive'));
  }
  errors.push(
    ...givenAndKnown(parameterNotFoundAction || undefined, NOT_FOUND_ACTIONS, path.at('parameterNotFoundAction')),
  );
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  return errors;
}
