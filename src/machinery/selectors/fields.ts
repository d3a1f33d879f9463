import { SelectorError } from './labels.ts';

/** Field selectors: `metadata.name=a,status.phase!=Failed`. Source: API reference, "Field Selectors". */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export type FieldSelection = readonly FieldRequirement[];

/** Reads a field selector; `\\`, `\,` and `\=` stand for themselves inside values. Throws SelectorError. */
export function parseFieldSelector(text: string): FieldSelection {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const requirement = parseTerm(term);
    // a term without field and value (`=`) asks for nothing
    if (requirement.field !== '' || requirement.value !== '') requirements.push(requirement);
  }
  return requirements;
}

/** `valueOf` gives the value of a field; '' where it is unset. */
export function matchesFields(selection: FieldSelection, valueOf: (field: string) => string): boolean {
  return selection.every(({ field, operator, value }) => (valueOf(field) === value) === (operator === '='));
}

export function showFieldSelector(selection: FieldSelection): string {
  return selection.map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`).join(',');
}

/** A value as it is written inside a selector. */
export function escapeFieldValue(value: string): string {
  return value.replaceAll(/[\\,=]/g, (character) => `\\${character}`);
}

/** The value that a selection requires a field to have; undefined where it leaves a choice. */
export function requiredValue(selection: FieldSelection, field: string): string | undefined {
  return selection.find((each) => each.field === field && each.operator === '=')?.value;
}

/** Refuses fields that a resource cannot be selected by, in upstream's words. */
export function checkSelectableFields(selection: FieldSelection, selectable: (field: string) => boolean): void {
  for (const { field } of selection) {
    if (!selectable(field)) throw new SelectorError(`field label not supported: ${field}`);
  }
}

/** Splits at commas that are not escaped. */
function splitTerms(text: string): readonly string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(term: string): FieldRequirement {
  for (let at = 0; at < term.length; at++) {
    const operator = ['!=', '==', '='].find((each) => term.startsWith(each, at));
    if (!operator) continue;
    const value = unescapeValue(term.slice(at + operator.length));
    return { field: term.slice(0, at), operator: operator === '!=' ? '!=' : '=', value };
  }
  throw new SelectorError(`invalid selector: '${term}'; can't understand '${term}'`);
}

function unescapeValue(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '\\') {
      at++;
      const next = text[at];
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw new SelectorError(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
      }
      value += next;
    } else if (character === ',' || character === '=') {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${character}`);
    } else value += character;
  }
  return value;
}
