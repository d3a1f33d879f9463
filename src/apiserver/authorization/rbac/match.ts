import type { PolicyRule } from '#machinery/types/rbac-v1.ts';
import type { Attributes } from '../authorizer.ts';

/** Whether one rule allows what is asked. Source: rbac.authorization.k8s.io/v1 PolicyRule. */
export function ruleAllows(rule: PolicyRule, asked: Attributes): boolean {
  if (!includesOrStar(rule.verbs ?? [], asked.verb)) return false;
  if (!asked.isResource) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, asked.path));
  return (
    includesOrStar(rule.apiGroups ?? [], asked.group) &&
    (rule.resources ?? []).some((pattern) => resourceMatches(pattern, asked.resource, asked.subresource)) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(asked.name))
  );
}

/** `*` is every resource and subresource, `pods` only itself, `pods/log` one subresource, any `x/scale` by `*` + `/scale`. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === '*') return true;
  if (!subresource) return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}

/** A path, or the beginning of one followed by `*`. */
function pathMatches(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}

function includesOrStar(patterns: readonly string[], value: string): boolean {
  return patterns.includes('*') || patterns.includes(value);
}
