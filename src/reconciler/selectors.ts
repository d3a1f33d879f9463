import type { LabelSelector, LabelSelectorRequirement } from '#machinery/types/meta-v1.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels | undefined) => boolean;

/** Selects nothing where the selector is absent, everything where it is empty. Source: meta/v1 LabelSelector. */
export function labelMatcher(selector: LabelSelector | null | undefined): LabelMatcher {
  if (!selector) return () => false;
  const equal = Object.entries(selector.matchLabels ?? {});
  const requirements = selector.matchExpressions ?? [];
  return (labels = {}) =>
    equal.every(([key, value]) => labels[key] === value) &&
    requirements.every((requirement) => meets(labels, requirement));
}

/** Selects by equality; an empty map selects nothing, as the selector of a Service does. */
export function mapMatcher(selector: Labels | undefined): LabelMatcher {
  const equal = Object.entries(selector ?? {});
  return (labels = {}) => equal.length > 0 && equal.every(([key, value]) => labels[key] === value);
}

export function isEmptySelector(selector: LabelSelector | null | undefined): boolean {
  if (!selector) return true;
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

function meets(labels: Labels, { key, operator, values = [] }: LabelSelectorRequirement): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
