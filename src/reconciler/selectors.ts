import { compileLabelSelector, type Labels, matchesLabels } from '#machinery/selectors/labels.ts';
import type { LabelSelector } from '#machinery/types/meta-v1.ts';

export type LabelMatcher = (labels: Labels | undefined) => boolean;

/**
 * Selects nothing where the selector is absent, everything where it is empty. Throws SelectorError where it is not
 * valid. A frozen selector is compiled once.
 */
export function labelMatcher(selector: LabelSelector | null | undefined): LabelMatcher {
  if (!selector) return selectNothing;
  let matcher = compiled.get(selector);
  if (!matcher) {
    const selection = compileLabelSelector(selector);
    matcher = (labels) => matchesLabels(selection, labels);
    compiled.set(selector, matcher);
  }
  return matcher;
}

const compiled = new WeakMap<LabelSelector, LabelMatcher>();

function selectNothing(): boolean {
  return false;
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
