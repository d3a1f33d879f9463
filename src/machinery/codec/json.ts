import { define } from '../object.ts';

declare global {
  // In V8, not yet in the library types: a number literal for JSON.stringify to write as it is.
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/** As upstream: deeper text is refused. */
export const MAX_JSON_DEPTH = 10_000;

export interface JsonOptions {
  readonly maxDepth?: number;
  /**
   * What a repeated key does: `merge` continues an object that the key already holds, as decoding into a typed object
   * does; `replace` takes the last value, as for custom resources and patches. Default `merge`.
   */
  readonly repeatedKeys?: 'merge' | 'replace';
}

export interface ParsedJson {
  /** Integers outside the safe range are `bigint`; all else is as JSON.parse gives it. */
  readonly value: unknown;
  /** Paths of keys that were repeated, in upstream's form: `metadata.labels.x`, `spec.containers[0].name`. */
  readonly duplicates: readonly string[];
  /** Paths of whole numbers written with a fraction or an exponent (`1.0`, `1e3`): no integer field takes them. */
  readonly floats: readonly string[];
}

/** Text that is no JSON; the message is upstream's. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

/**
 * Parses a JSON text. Bytes that are not UTF-8 become U+FFFD, a lone surrogate too; `__proto__` is a key like any other.
 * Ordinary text costs one pass and JSON.parse; only text with large integers, repeated keys or whole floats is read
 * again. Throws JsonSyntaxError.
 */
export function parseJson(source: Uint8Array | string, options: JsonOptions = {}): ParsedJson {
  const text = typeof source === 'string' ? source : UTF8.decode(source);
  const scan = scanJson(text, options.maxDepth ?? MAX_JSON_DEPTH);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new JsonSyntaxError(syntaxMessage(text, error), { cause: error });
  }
  if (!scan.special && countKeys(value) === scan.colons) return { value, duplicates: NONE, floats: NONE };
  return reread(text, options.repeatedKeys ?? 'merge');
}

/** Throws JsonSyntaxError where objects and arrays of a JSON text are nested deeper than `maxDepth`. */
export function requireJsonDepth(text: string, maxDepth: number): void {
  scanJson(text, maxDepth);
}

/** Writes JSON; `bigint` becomes a number literal. Members that are undefined are left out. */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // A bigint makes JSON.stringify throw; looking for one beforehand would cost every other object a pass.
    if (error instanceof TypeError) return JSON.stringify(value, rawBigint);
    throw error;
  }
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });
const NONE: readonly string[] = Object.freeze([]);
const SAFE_DIGITS = 15;

function rawBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? JSON.rawJSON(value.toString()) : value;
}

interface Scan {
  /** Colons outside strings: the number of keys that were written. */
  readonly colons: number;
  /** There is a number or a string that JSON.parse does not read as the API does. */
  readonly special: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function scanJson(text: string, maxDepth: number): Scan {
  let colons = 0;
  let depth = 0;
  let digits = 0;
  let special = false;
  // looked for once, not once for each string: text without any would be read over and over
  let surrogate = nextSurrogate(text, 0);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      digits++;
      if (digits > SAFE_DIGITS) special = true;
      continue;
    }
    if (digits > 0 && (code === 0x2e || code === 0x65 || code === 0x45)) special = true;
    digits = 0;
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (end < 0) return { colons, special };
      if (surrogate >= 0 && surrogate < at) surrogate = nextSurrogate(text, at);
      if (surrogate >= 0 && surrogate < end) special = true;
      at = end;
    } else if (code === 0x3a) colons++;
    else if (code === 0x7b || code === 0x5b) {
      depth++;
      if (depth > maxDepth) throw new JsonSyntaxError('json: exceeded max depth');
    } else if (code === 0x7d || code === 0x5d) depth--;
    else if (code === 0x2d && text.charCodeAt(at + 1) === 0x30) special = true;
  }
  return { colons, special };
}

/** Position of the closing quote of the string that opens at `start`; -1 where it does not close. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

/** Position of the next escaped surrogate, which may be alone; -1 where there is none. */
function nextSurrogate(text: string, start: number): number {
  for (let at = text.indexOf('\\u', start); at >= 0; at = text.indexOf('\\u', at + 2)) {
    const first = text.charCodeAt(at + 2) | 0x20;
    if (first === 0x64) return at;
  }
  return -1;
}

function countKeys(root: unknown): number {
  if (root === null || typeof root !== 'object') return 0;
  let count = 0;
  const open: object[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) {
      for (const item of value) if (item !== null && typeof item === 'object') open.push(item);
      continue;
    }
    for (const item of Object.values(value)) {
      count++;
      if (item !== null && typeof item === 'object') open.push(item);
    }
  }
  return count;
}

interface Frame {
  readonly container: Record<string, unknown> | unknown[];
  /** Place of the container in upstream's form. */
  readonly path: string;
  key: string;
  /** Keys that were written so far; undefined for a list. */
  readonly seen: Set<string> | undefined;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs;

/** Reads text that JSON.parse has accepted, token by token and without recursion. */
function reread(text: string, repeated: 'merge' | 'replace'): ParsedJson {
  const frames: Frame[] = [];
  const duplicates = new Set<string>();
  const floats: string[] = [];
  let result: unknown;
  let expectsKey = false;
  const place = (): string => placeOf(frames.at(-1));
  const open = (container: Frame['container']): void => {
    const path = place();
    const placed = put(container);
    frames.push({ container: placed, path, key: '', seen: Array.isArray(container) ? undefined : new Set() });
  };
  const put = <T>(value: T): T => {
    const frame = frames.at(-1);
    if (!frame) result = value;
    else if (Array.isArray(frame.container)) frame.container.push(value);
    else {
      const old = Object.hasOwn(frame.container, frame.key) ? frame.container[frame.key] : undefined;
      if (repeated === 'merge' && isPlainObject(old) && isPlainObject(value)) return old as T;
      define(frame.container, frame.key, value);
    }
    return value;
  };
  for (const [token] of text.matchAll(TOKEN)) {
    const frame = frames.at(-1);
    if (token === '{' || token === '[') {
      open(token === '{' ? {} : []);
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      frames.pop();
      expectsKey = false;
    } else if (token === ',') expectsKey = frame?.seen !== undefined;
    else if (token === ':') expectsKey = false;
    else if (expectsKey && frame?.seen) {
      frame.key = stringOf(token);
      if (frame.seen.has(frame.key)) duplicates.add(place());
      frame.seen.add(frame.key);
    } else put(scalarOf(token, () => floats.push(place())));
  }
  return { value: result, duplicates: [...duplicates], floats };
}

function placeOf(frame: Frame | undefined): string {
  if (!frame) return '';
  if (Array.isArray(frame.container)) return `${frame.path}[${frame.container.length}]`;
  return frame.path ? `${frame.path}.${frame.key}` : frame.key;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function scalarOf(token: string, onFloat: () => void): unknown {
  if (token.startsWith('"')) return stringOf(token);
  if (/^-?\d+$/.test(token)) return integerOf(token);
  const value: unknown = JSON.parse(token);
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) throw outOfRange(token);
  if (Number.isInteger(value)) onFloat();
  return value;
}

/** A number that not even a float64 holds. Its text may be long. */
function outOfRange(token: string): JsonSyntaxError {
  const shown = token.length > MAX_SHOWN_NUMBER ? `${token.slice(0, MAX_SHOWN_NUMBER)}...` : token;
  return new JsonSyntaxError(`json: cannot unmarshal number ${shown} into Go value of type float64`);
}

const MAX_SHOWN_NUMBER = 400;

function integerOf(token: string): number | bigint {
  const value = Number(token);
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (!Number.isFinite(value)) throw outOfRange(token);
  return BigInt(token);
}

function stringOf(token: string): string {
  return (JSON.parse(token) as string).toWellFormed();
}

/** Go's words for what V8 found; only the place and the character can be told from V8's. */
function syntaxMessage(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (/^Unexpected end|^Unterminated string|^Expected .* position \d+ \(line/.test(message)) {
    const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
    if (position >= text.length) return 'unexpected end of JSON input';
  }
  const position = /position (\d+)/.exec(message)?.[1];
  const named = /^Unexpected token '(.)'/u.exec(message)?.[1];
  const character = named ?? (position === undefined ? undefined : text[Number(position)]);
  return character === undefined
    ? 'unexpected end of JSON input'
    : `invalid character ${showCharacter(character)} looking for beginning of value`;
}

function showCharacter(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
