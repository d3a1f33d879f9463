import { isLabelValue, isQualifiedName } from '../validation/labels.ts';

/**
 * Label selectors in their three forms: text of a query (`app in (a, b),!old`), LabelSelector objects, and compiled.
 * Source: API reference, "Labels and Selectors".
 */
export interface LabelSelection {
  /** All must hold. */
  readonly requirements: readonly Requirement[];
  /** Matches no labels whatever they are: the selection of an absent LabelSelector. */
  readonly nothing: boolean;
}

export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  /** Sorted, without repetition. */
  readonly values: readonly string[];
}

/** A selector that cannot be read; the message is upstream's. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

export type Labels = Readonly<Record<string, string>>;

interface LabelSelectorShape {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export const EVERYTHING: LabelSelection = Object.freeze({ requirements: Object.freeze([]), nothing: false });
export const NOTHING: LabelSelection = Object.freeze({ requirements: Object.freeze([]), nothing: true });

/** Reads the text of a selector. Throws SelectorError. */
export function parseLabelSelector(text: string): LabelSelection {
  const requirements = new Parser(text).parse();
  return requirements.length === 0 ? EVERYTHING : selection(requirements);
}

/** Compiles a LabelSelector object: absent matches nothing, empty matches everything. Throws SelectorError. */
export function compileLabelSelector(selector: LabelSelectorShape | null | undefined): LabelSelection {
  if (selector === undefined || selector === null) return NOTHING;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, '=', [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const compiled = OBJECT_OPERATORS[operator];
    if (!compiled) throw new SelectorError(`"${operator}" is not a valid label selector operator`);
    requirements.push(requirement(key, compiled, values ?? []));
  }
  return requirements.length === 0 ? EVERYTHING : selection(requirements);
}

/** The selection of labels that a map names, without checks: `spec.selector` of a Service. */
export function selectionOfMap(labels: Labels | null | undefined): LabelSelection {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) return EVERYTHING;
  return selection(entries.map(([key, value]) => ({ key, operator: '=' as const, values: [value] })));
}

export function matchesLabels({ requirements, nothing }: LabelSelection, labels: Labels | undefined): boolean {
  if (nothing) return false;
  for (const each of requirements) if (!holds(each, labels)) return false;
  return true;
}

/** The text of a selection, as `status.selector` and queries have it: `app=x,tier in (a,b)`. */
export function showLabelSelector({ requirements }: LabelSelection): string {
  return requirements.map(showRequirement).join(',');
}

const OBJECT_OPERATORS: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};
function selection(requirements: readonly Requirement[]): LabelSelection {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return Object.freeze({ requirements: Object.freeze(sorted), nothing: false });
}

function holds({ key, operator, values }: Requirement, labels: Labels | undefined): boolean {
  const has = labels !== undefined && Object.hasOwn(labels, key);
  const value = has ? (labels[key] ?? '') : '';
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return has && values.includes(value);
    case 'notin':
    case '!=':
      return !has || !values.includes(value);
    case 'exists':
      return has;
    case '!':
      return !has;
    case 'gt':
    case 'lt': {
      if (!has || !INTEGER.test(value)) return false;
      const limit = BigInt(values[0] ?? '0');
      return operator === 'gt' ? BigInt(value) > limit : BigInt(value) < limit;
    }
  }
}

const INTEGER = /^-?\d{1,19}$/;

function requirement(key: string, operator: Operator, values: readonly string[]): Requirement {
  const problem = isQualifiedName(key)[0];
  if (problem !== undefined)
    throw new SelectorError(`key: Invalid value: ${quoted(key)}: ${isQualifiedName(key).join('; ')}`);
  checkCount(operator, values);
  for (const [index, value] of values.entries()) {
    const messages = isLabelValue(value);
    if (messages.length > 0) {
      throw new SelectorError(`values[${index}][${key}]: Invalid value: ${quoted(value)}: ${messages.join('; ')}`);
    }
    if ((operator === 'gt' || operator === 'lt') && !INTEGER.test(value)) {
      throw new SelectorError(
        `values[${index}]: Invalid value: ${quoted(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
  }
  return { key, operator, values: [...new Set(values)].sort() };
}

function checkCount(operator: Operator, values: readonly string[]): void {
  const shown = `[${values.map(quoted).join(',')}]`;
  const wrong = (why: string): SelectorError => new SelectorError(`values: Invalid value: ${shown}: ${why}`);
  switch (operator) {
    case 'in':
    case 'notin':
      if (values.length === 0) throw wrong("for 'in', 'notin' operators, values set can't be empty");
      return;
    case '=':
    case '==':
    case '!=':
      if (values.length !== 1) throw wrong('exact-match compatibility requires one single value');
      return;
    case 'exists':
    case '!':
      if (values.length > 0) throw wrong('values set must be empty for exists and does not exist');
      return;
    case 'gt':
    case 'lt':
      if (values.length !== 1) throw wrong("for 'Gt', 'Lt' operators, exactly one value is required");
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function showRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case '!':
      return `!${key}`;
    case 'exists':
      return key;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

type TokenKind = 'word' | 'symbol' | 'in' | 'notin' | 'end' | 'wrong';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** NUL ends a word; where a token should begin it ends the text. */
const TOKEN = /\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),\0]+)\0?)/y;
const COMPARISONS: ReadonlySet<string> = new Set(['=', '==', '!=', '<', '>']);
const END: Token = { kind: 'end', text: '' };

function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const word = match[2];
    if (word === undefined) found.push({ kind: 'symbol', text: match[1] ?? '' });
    else found.push({ kind: word === 'in' || word === 'notin' ? word : 'word', text: word });
  }
  return found;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    for (;;) {
      const token = this.#peek();
      if (!isWord(token) && token.text !== '!') {
        throw this.#unexpected(token, "'!, identifier, or 'end of string'");
      }
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.text !== ',') throw this.#unexpected(next, "',' or 'end of string'");
      const after = this.#peek();
      if (!isWord(after) && after.text !== '!')
        throw new SelectorError(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #requirement(): Requirement {
    if (this.#peek().text === '!') {
      this.#take();
      return requirement(this.#identifier(), '!', []);
    }
    const key = this.#identifier();
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return requirement(key, 'exists', []);
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#set() : [this.#exactValue()];
    return requirement(key, operator, values);
  }

  #identifier(): string {
    const token = this.#take();
    if (!isWord(token)) throw new SelectorError(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #operator(): Operator {
    const token = this.#take();
    if (token.kind === 'in' || token.kind === 'notin') return token.kind;
    if (!COMPARISONS.has(token.text)) {
      throw new SelectorError(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    if (token.text === '<') return 'lt';
    if (token.text === '>') return 'gt';
    return token.text as Operator;
  }

  #exactValue(): string {
    const token = this.#peek();
    if (token.kind === 'end' || token.text === ',') return '';
    if (!isWord(token)) throw new SelectorError(`found '${token.text}', expected: identifier`);
    return this.#take().text;
  }

  /** `(a, b)`: empty items are empty values. */
  #set(): readonly string[] {
    const open = this.#take();
    if (open.text !== '(') throw new SelectorError(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    let pending = true;
    for (;;) {
      const token = this.#take();
      if (token.text === ')') {
        if (pending) values.push('');
        return values;
      }
      if (token.text === ',') {
        if (pending) values.push('');
        pending = true;
      } else if (isWord(token) && pending) {
        values.push(token.text);
        pending = false;
      } else throw new SelectorError(`found '${token.text}', expected: ',', ')' or identifier`);
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #unexpected(token: Token, expected: string): SelectorError {
    return new SelectorError(`found '${token.text}', expected: ${expected}`);
  }
}

function isWord({ kind }: Token): boolean {
  return kind === 'word' || kind === 'in' || kind === 'notin';
}
