import {
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  dump,
  EVENT_ALIAS,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SCALAR,
  EVENT_SEQUENCE,
  type Event,
  FAILSAFE_SCHEMA,
  getScalarValue,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { define } from '../object.ts';

/** Nesting beyond this is refused. */
export const MAX_YAML_DEPTH = 1_000;
/** Aliases and merged keys in one text; more is a bomb. */
export const MAX_YAML_ALIASES = 1_000;
/** Values after all aliases are followed. */
export const MAX_YAML_NODES = 1_000_000;

/** Repeated keys that are told of. */
const MAX_REPEATED = 1_000;

/** Text that is no YAML, or passes a limit. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/** A document, and what strict reading has against it. */
export interface ParsedYaml {
  readonly value: unknown;
  /** Keys that were set twice, in upstream's words: `line 6: key "k" already set in map`. */
  readonly repeated: readonly string[];
}

/**
 * The first document of a text with the scalars that kubectl reads: `yes`, `no`, `on` and `off` are booleans, `0777`
 * is octal, `1_000` is a number, times are strings, integers keep 64 bits. Null where there is none. What follows the
 * first document is not looked at. Throws YamlError.
 */
export function parseYaml(text: string): unknown {
  return readYaml(text).value;
}

/** As parseYaml, and tells of repeated keys, of which the last counts. */
export function readYaml(text: string): ParsedYaml {
  try {
    const source = firstDocument(text);
    const events = parseFirst(source);
    const options = { source, schema: SCHEMA, json: true, maxAliases: MAX_YAML_ALIASES };
    const document = constructFromEvents(events, options).find((one) => one !== null && one !== undefined);
    return { value: plain(document ?? null, { left: MAX_YAML_NODES }, 0), repeated: repeatedKeys(events, source) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlError(`error converting YAML to JSON: yaml: ${error.message}`, { cause: error });
  }
}

const MARKER = /^(?:---|\.\.\.)(?=\s|$)/gm;

/** The text up to the marker that ends the first document which is not empty: a marker ends whatever is open. */
function firstDocument(text: string): string {
  let start = 0;
  for (const { index } of text.matchAll(MARKER)) {
    if (hasContent(text.slice(start, index))) return text.slice(0, index);
    start = index + 3;
  }
  return text;
}

/** More than comments, directives and blank lines. */
function hasContent(text: string): boolean {
  return text.split('\n').some((line) => !/^\s*(?:#.*)?$|^%/.test(line));
}

/** Where a collection in flow style or a quoted scalar is the whole document, nothing behind it is read. */
function parseFirst(source: string): Event[] {
  const options = { maxDepth: MAX_YAML_DEPTH };
  try {
    return parseEvents(source, options);
  } catch (error) {
    const at =
      error instanceof YAMLException && error.reason.startsWith('end of the stream') ? error.mark?.position : undefined;
    if (at === undefined || !/^(?:\s|#[^\n]*\n|---)*[{["']/.test(source)) throw error;
    return parseEvents(source.slice(0, at), options);
  }
}

/** A collection that the events are inside of. */
interface Level {
  /** Keys of a mapping so far; undefined in a sequence. */
  readonly keys: Set<string> | undefined;
  /** The key whose value comes next. */
  key: string | undefined;
}

/** Keys that a mapping sets twice, with the line of the value that is set again. */
function repeatedKeys(events: readonly Event[], source: string): readonly string[] {
  const found: string[] = [];
  const levels: Level[] = [];
  const lineOf = lineCounter(source);
  for (const event of events) {
    if (event.type === EVENT_DOCUMENT) continue;
    if (event.type === EVENT_POP) {
      levels.pop();
      continue;
    }
    const level = levels.at(-1);
    if (level?.keys) {
      const key = event.type === EVENT_SCALAR ? getScalarValue(source, event) : '';
      if (level.key === undefined) level.key = key;
      else {
        // a key that is no scalar is refused elsewhere
        if (level.key !== '<<' && level.keys.has(level.key) && found.length < MAX_REPEATED) {
          found.push(`line ${lineOf(startOf(event))}: key ${JSON.stringify(level.key)} already set in map`);
        }
        level.keys.add(level.key);
        level.key = undefined;
      }
    }
    if (event.type === EVENT_MAPPING) levels.push({ keys: new Set(), key: undefined });
    else if (event.type === EVENT_SEQUENCE) levels.push({ keys: undefined, key: undefined });
  }
  return found;
}

function startOf(event: Exclude<Event, { readonly type: typeof EVENT_DOCUMENT | typeof EVENT_POP }>): number {
  if (event.type === EVENT_SCALAR) return event.valueStart;
  return event.type === EVENT_ALIAS ? event.anchorStart : event.start;
}

/** Tells lines of positions that come in order; each part of the text is read once. */
function lineCounter(source: string): (position: number) => number {
  let line = 1;
  let next = source.indexOf('\n');
  return (position) => {
    for (; next >= 0 && next < position; next = source.indexOf('\n', next + 1)) line++;
    return line;
  };
}

/** Writes YAML that kubectl reads back as the same value; keys sorted as it writes them. */
export function stringifyYaml(value: unknown): string {
  return dump(value, { schema: SCHEMA, noRefs: true, sortKeys: true, lineWidth: -1 });
}

const TRUE: ReadonlySet<string> = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE']);
const FALSE: ReadonlySet<string> = new Set([
  'n',
  'N',
  'no',
  'No',
  'NO',
  'off',
  'Off',
  'OFF',
  'false',
  'False',
  'FALSE',
]);
const NULL: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL']);

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);
const INTEGER = /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

const boolean = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  implicit: true,
  resolve: (source) => (TRUE.has(source) ? true : FALSE.has(source) ? false : NOT_RESOLVED),
  identify: (data) => typeof data === 'boolean',
});

const nothing = defineScalarTag<null>('tag:yaml.org,2002:null', {
  implicit: true,
  resolve: (source) => (NULL.has(source) ? null : NOT_RESOLVED),
  identify: (data) => data === null,
  represent: () => 'null',
});

const integer = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  resolve: (source) => (INTEGER.test(source) ? readInteger(source) : NOT_RESOLVED),
  identify: (data) => typeof data === 'bigint' || Number.isSafeInteger(data),
});

const float = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  resolve: (source) => {
    const digits = source.replaceAll('_', '');
    return FLOAT.test(digits) && Number.isFinite(Number(digits)) ? Number(digits) : NOT_RESOLVED;
  },
  identify: (data) => typeof data === 'number' && !Number.isSafeInteger(data),
  represent: (data: number) => (Number.isInteger(data) ? data.toExponential() : String(data)),
});

/** Digits of the longest integer that has to be read exactly: 64 bits in base 2, with room for leading zeros. */
const MAX_EXACT_DIGITS = 400;

function readInteger(source: string): number | bigint | typeof NOT_RESOLVED {
  const digits = source.replaceAll('_', '').replace(/^\+/, '');
  const sign = digits.startsWith('-') ? -1n : 1n;
  const unsigned = digits.replace('-', '');
  if (unsigned.length > MAX_EXACT_DIGITS) return NOT_RESOLVED; // beyond float64 too, so it is text
  const octal = /^0[0-7]+$/.test(unsigned) ? `0o${unsigned.slice(1)}` : unsigned;
  const value = sign * BigInt(octal);
  if (value > UINT64_MAX || value < INT64_MIN) return Number(value);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** Keys become text as JSON has it, whatever they are. */
const mapping = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  create: () => ({}),
  addPair: (carrier, key, value) => {
    if (typeof key === 'object' && key !== null) return 'a collection cannot be a key';
    define(carrier, String(key), value);
    return '';
  },
  has: (carrier, key) => Object.hasOwn(carrier, String(key)),
  keys: (result) => Object.keys(result),
  get: (result, key) => result[String(key)],
  identify: (data) => data !== null && typeof data === 'object' && !Array.isArray(data),
  represent: (data: object) =>
    new Map<unknown, unknown>(Object.entries(data).filter(([, value]) => value !== undefined)),
});

const SCHEMA = FAILSAFE_SCHEMA.withTags(nothing, boolean, integer, float, mergeTag, mapping);

interface Budget {
  left: number;
}

/** A copy in which aliases are copies too, so that nobody changes two places at once; bounded. */
function plain(value: unknown, budget: Budget, depth: number): unknown {
  budget.left--;
  if (budget.left < 0) throw new YamlError(`the document has more than ${MAX_YAML_NODES} values`);
  if (value === null || typeof value !== 'object') return value;
  // an alias may stand for what it is in
  if (depth > MAX_YAML_DEPTH) throw new YamlError(`the document is nested more than ${MAX_YAML_DEPTH} deep`);
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, budget, depth + 1));
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) define(result, key, plain(item, budget, depth + 1));
  return result;
}
