import { type FieldError, type FieldPath, duplicate, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { NamedRuleWithOperations, RuleWithOperations } from '#machinery/types/admissionregistration-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

/** Which requests a webhook or a policy is asked about. Source: admissionregistration.k8s.io/v1 API, RuleWithOperations. */
export function validateRule(rule: RuleWithOperations, path: FieldPath): FieldError[] {
  const { operations, apiGroups, apiVersions, resources, scope } = rule;
  return [
    ...nonEmptyList(operations, path.at('operations'), 'operations'),
    ...eachItem(operations, path.at('operations'), (operation, at) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(at, operation, OPERATIONS)],
    ),
    ...nonEmptyList(apiGroups, path.at('apiGroups'), 'API groups'),
    ...nonEmptyList(apiVersions, path.at('apiVersions'), 'API versions'),
    ...eachItem(apiVersions, path.at('apiVersions'), (version, at) => (version === '' ? [required(at)] : [])),
    ...validateResources(resources ?? [], path.at('resources')),
    ...(scope === undefined || SCOPES.includes(scope) ? [] : [notSupported(path.at('scope'), scope, SCOPES)]),
  ];
}

export function validateNamedRule(rule: NamedRuleWithOperations, path: FieldPath): FieldError[] {
  const names = rule.resourceNames ?? [];
  const errors = eachItem(names, path.at('resourceNames'), (name, at, index) => [
    ...invalidFor(isPathSegment(name, false), name, at),
    ...(names.indexOf(name) < index ? [duplicate(at, name)] : []),
  ]);
  return [...errors, ...validateRule(rule, path)];
}

function nonEmptyList(values: readonly string[] | null | undefined, path: FieldPath, what: string): FieldError[] {
  if (!values || values.length === 0) return [required(path)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalid(path, values, `if '*' is present, must not specify other ${what}`)];
}

function validateResources(resources: readonly string[], path: FieldPath): FieldError[] {
  if (resources.length === 0) return [required(path)];
  const anySubresource = new Set<string>();
  const anyResource = new Set<string>();
  const errors = eachItem(resources, path, (text, at) => {
    if (text === '') return [required(at)];
    const slash = text.indexOf('/');
    if (slash < 0) return [];
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    const found: FieldError[] = [];
    if (anySubresource.has(resource))
      found.push(invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`));
    if (anyResource.has(subresource))
      found.push(invalid(at, text, `if '*/${subresource}' is present, must not specify ${text}`));
    if (subresource === '*') anySubresource.add(resource);
    if (resource === '*') anyResource.add(subresource);
    return found;
  });
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  // Upstream looks at the last plain resource alone.
  const last = resources.findLast((text) => text !== '' && !text.includes('/'));
  if (resources.includes('*') && last !== '*') {
    errors.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  return errors;
}
