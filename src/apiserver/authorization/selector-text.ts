import { escapeFieldValue } from '#machinery/selectors/fields.ts';
import { parseLabelSelector, SelectorError } from '#machinery/selectors/labels.ts';
import type { FieldSelectorAttributes, LabelSelectorAttributes } from '#machinery/types/authorization-v1.ts';

/** A selector as text, and what could not be put into it. */
export interface SelectorText {
  readonly text: string;
  readonly errors: readonly string[];
}

const NOTHING: SelectorText = { text: '', errors: [] };

/** Field selectors know `=` and `!=` alone; other requirements are left out and named. Source: KEP-4601. */
export function fieldSelectorText(selector: FieldSelectorAttributes | undefined): SelectorText {
  if (!selector) return NOTHING;
  if (selector.rawSelector) return { text: selector.rawSelector, errors: [] };
  const terms: string[] = [];
  const errors: string[] = [];
  for (const { key, operator, values = [] } of selector.requirements ?? []) {
    const [value, ...more] = values;
    const sign = operator === 'In' ? '=' : operator === 'NotIn' ? '!=' : undefined;
    if (!sign) errors.push(`fieldSelectors do not yet support ${operator}`);
    else if (value === undefined || more.length > 0) {
      errors.push('fieldSelectors do not yet support multiple values');
    } else terms.push(`${key}${sign}${escapeFieldValue(value)}`);
  }
  return { text: terms.join(','), errors };
}

export function labelSelectorText(selector: LabelSelectorAttributes | undefined): SelectorText {
  if (!selector) return NOTHING;
  if (selector.rawSelector) return checkedLabels(selector.rawSelector);
  const terms: string[] = [];
  const errors: string[] = [];
  for (const { key, operator, values = [] } of selector.requirements ?? []) {
    if (operator === 'In') terms.push(`${key} in (${values.join(',')})`);
    else if (operator === 'NotIn') terms.push(`${key} notin (${values.join(',')})`);
    else if (operator === 'Exists') terms.push(key);
    else if (operator === 'DoesNotExist') terms.push(`!${key}`);
    else errors.push(`"${operator}" is not a valid label selector operator`);
  }
  return { text: terms.join(','), errors };
}

function checkedLabels(text: string): SelectorText {
  try {
    parseLabelSelector(text);
    return { text, errors: [] };
  } catch (error) {
    if (error instanceof SelectorError) return { text: '', errors: [error.message] };
    throw error;
  }
}
