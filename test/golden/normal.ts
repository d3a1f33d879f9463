/** What makes an answer comparable: values that differ from run to run become placeholders. A port of the reference golden.py. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

type JsonObject = { readonly [key: string]: Json };

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const AGE = /^(<unknown>|<invalid>|(\d+[smhdy])+)$/;
const DIGITS = /^\d+$/;
const TOKEN_VOLUME = /^kube-api-access-[a-z0-9]{5}$/;
const ALLOCATED_IP = new Set(['clusterIP', 'clusterIPs', 'ip']);

/** Names that scenarios use (`$ns`) and what they stand for in this run. */
export type Names = Readonly<Record<string, string>>;

export interface NormalOptions {
  /** Strings that the client sent: they are compared as they are. */
  readonly given: ReadonlySet<string>;
  readonly names: Names;
  /** managedFields are part of the answer. */
  readonly managed: boolean;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number that JavaScript would write otherwise (`2.0`, int64), as it was written. */
class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  valueOf(): number {
    return Number(this.source);
  }

  toJSON(): unknown {
    return JSON.rawJSON(this.source);
  }
}

/** Parses JSON without losing how numbers were written. */
export function parseExact(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source;
    return typeof value === 'number' && source !== undefined && String(value) !== source
      ? new ExactNumber(source)
      : value;
  };
  return JSON.parse(text, revive);
}

/** Replaces `$name` in every string of a value, keys included. */
export function substitute(value: Json, names: Names): Json {
  if (typeof value === 'string') {
    const longestFirst = Object.keys(names).sort((a, b) => b.length - a.length);
    return longestFirst.reduce((text, name) => text.replaceAll(`$${name}`, () => names[name] ?? ''), value);
  }
  if (Array.isArray(value)) return value.map((item: Json) => substitute(item, names));
  if (!isObject(value) || (value as unknown) instanceof ExactNumber) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [String(substitute(key, names)), substitute(item, names)]),
  );
}

export function stringsOf(value: Json | undefined, into = new Set<string>()): Set<string> {
  if (typeof value === 'string') into.add(value);
  else if (Array.isArray(value)) for (const item of value) stringsOf(item, into);
  else if (isObject(value)) for (const item of Object.values(value)) stringsOf(item, into);
  return into;
}

export function normal(value: Json, options: NormalOptions, key?: string, parent?: JsonObject): Json {
  if (isObject(value)) return normalObject(value, options);
  if (Array.isArray(value)) {
    const kept = key === 'clusterIPs' || key === 'args' ? key : undefined;
    return value.map((item: Json) => normal(item, options, kept, parent));
  }
  return normalScalar(value as Exclude<typeof value, readonly Json[]>, options, key, parent);
}

function normalObject(value: JsonObject, options: NormalOptions): Json {
  if ((value as unknown) instanceof ExactNumber) return value;
  const result: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === 'managedFields' && !options.managed) continue;
    if (key === 'message' && 'reason' in value && 'type' in value) continue;
    const member = normal(item, options, key, value);
    result[key] = key === 'managedFields' && Array.isArray(member) ? [...member].sort(byOwner) : member;
  }
  return result;
}

function byOwner(a: Json, b: Json): number {
  const [one, other] = [owner(a), owner(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function owner(entry: Json): string {
  if (!isObject(entry)) return '';
  return ['manager', 'operation', 'subresource', 'apiVersion'].map((key) => String(entry[key] ?? '')).join('\0');
}

function normalScalar(
  value: null | boolean | number | string,
  options: NormalOptions,
  key: string | undefined,
  parent: JsonObject | undefined,
): Json {
  const { given, names } = options;
  if (key === 'resourceVersion' && typeof value === 'string' && value && !given.has(value)) return '<rv>';
  if ((key === 'nodePort' || key === 'healthCheckNodePort') && value && !given.has(String(value))) return '<port>';
  if (key === 'continue' && value) return '<continue>';
  if (key === 'serverAddress') return '<address>';
  if (typeof value !== 'string') return value;
  if (key === 'evaluationError' || key === 'error' || (key === 'reason' && value.includes(' '))) return '<text>';
  const named = Object.values(names).some((name) => name !== '' && value.includes(name));
  if (given.has(value) && !value.includes('$') && !named) return value;
  if (key !== undefined && ALLOCATED_IP.has(key) && /^10\.43\.\d+\.\d+$/.test(value)) return '<ip>';
  return normalText(value, names, key, parent);
}

function normalText(text: string, names: Names, key: string | undefined, parent: JsonObject | undefined): string {
  let value = text;
  for (const [name, meaning] of Object.entries(names).sort((a, b) => b[1].length - a[1].length)) {
    if (meaning) value = value.replaceAll(DIGITS.test(meaning) ? wholeNumber(meaning) : meaning, () => `$${name}`);
  }
  const generateName = parent?.['generateName'];
  if (key === 'name' && typeof generateName === 'string') {
    const start = String(normal(generateName, { given: new Set(), names, managed: false }));
    if (value.startsWith(start)) return `${start}<suffix>`;
  }
  if (TIME.test(value)) return '<time>';
  if (TOKEN_VOLUME.test(value)) return '<token-volume>';
  return value.replaceAll(UUID, '<uid>');
}

/** A captured version is a number: in a young server a short one, that is part of every time and uid. */
function wholeNumber(digits: string): RegExp {
  return digits.length < 5 ? new RegExp(`^${digits}$`, 'g') : new RegExp(`(?<!\\d)${digits}(?!\\d)`, 'g');
}

/** A Status without its prose. */
export function normalStatus(body: JsonObject, names: Names): Json {
  const details = isObject(body['details']) ? body['details'] : {};
  const shown: Record<string, Json> = {};
  const options = { given: new Set<string>(), names, managed: false };
  for (const key of ['name', 'group', 'kind']) {
    const value = details[key];
    if (value !== undefined) shown[key] = normal(value, options, key);
  }
  const { causes } = details;
  if (Array.isArray(causes)) {
    shown['causes'] = causes
      .filter(isObject)
      .map((cause) => pick(cause, ['reason', 'field']))
      .sort(
        (a, b) =>
          compare(String(a['field'] ?? ''), String(b['field'] ?? '')) ||
          compare(String(a['reason'] ?? ''), String(b['reason'] ?? '')),
      );
  }
  const result = pick(body, ['kind', 'apiVersion', 'status', 'reason', 'code']);
  return Object.keys(shown).length > 0 ? { ...result, details: shown } : result;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pick(value: JsonObject, keys: readonly string[]): Record<string, Json> {
  const result: Record<string, Json> = {};
  for (const key of keys) {
    const member = value[key];
    if (member !== undefined) result[key] = member;
  }
  return result;
}

/** A Table as its columns and cells. */
export function normalTable(body: JsonObject, given: ReadonlySet<string>, names: Names): Json {
  const definitions = (body['columnDefinitions'] ?? []) as readonly JsonObject[];
  const rows = (body['rows'] ?? []) as readonly JsonObject[];
  const options = { given, names, managed: false };
  const kinds = rows.map((row) => (isObject(row['object']) ? String(row['object']['kind'] ?? '') : ''));
  return {
    kind: 'Table',
    columns: definitions.map((column) => pick(column, ['name', 'type', 'format', 'priority'])),
    rows: rows.map((row) =>
      ((row['cells'] ?? []) as readonly Json[]).map((cell) =>
        typeof cell === 'string' && AGE.test(cell) ? '<age>' : normal(cell, options),
      ),
    ),
    objects: [...new Set(kinds)].sort(),
  };
}

/** What `/version` tells of the program that answers, which is not the recorded one. */
const BUILD = new Set(['buildDate', 'compiler', 'gitCommit', 'gitTreeState', 'gitVersion', 'goVersion', 'platform']);

/** Every place where an answer differs from the recorded one. */
export function* differences(want: Json | undefined, got: Json | undefined, path = ''): Generator<string> {
  if (path === '' && isObject(want) && isObject(got) && want['code'] === 500) {
    const code = Number(got['code']);
    if (code >= 400 && code < 500) return; // recorded: the server blamed itself for a client's mistake
  }
  if (isObject(want) && isObject(got)) {
    for (const key of [...new Set([...Object.keys(want), ...Object.keys(got)])].sort()) {
      const at = path ? `${path}.${key}` : key;
      if (!(key in got)) yield `${at}: absent, recorded ${show(want[key], 120)}`;
      else if (!(key in want)) yield `${at}: ${show(got[key], 120)}, recorded without it`;
      else if (!('gitVersion' in want && BUILD.has(key))) yield* differences(want[key], got[key], at);
    }
  } else if (Array.isArray(want) && Array.isArray(got) && want.length === got.length) {
    for (const [index, item] of want.entries()) yield* differences(item, got[index], `${path}[${index}]`);
  } else if (!same(want, got)) yield `${path}: ${show(got, 160)}, recorded ${show(want, 160)}`;
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  return (
    JSON.stringify(a) === JSON.stringify(b) || (isMaker(a) && isMaker(b)) || (isCertificate(a) && isCertificate(b))
  );
}

/** The administrator of the recorded server or of ours. */
function isMaker(value: Json | undefined): boolean {
  return value === 'admin' || value === 'kubernetes-admin';
}

/** The hash of a client certificate. */
function isCertificate(value: Json | undefined): boolean {
  return typeof value === 'string' && /^X509SHA256=[0-9a-f]{64}$/.test(value);
}

function show(value: Json | undefined, length: number): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, length);
}
