/**
 * One step of a field path, in the text form of FieldsV1: `f:name` (field of an object), `k:{"name":"c"}` (item of a
 * list by its keys), `v:"x"` (item of a set by its value), `i:0` (item by its place). One step has one text, so texts
 * are compared instead of structures. Source: meta/v1 FieldsV1.
 */
export type PathElement = string;

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

export function valueElement(value: unknown): PathElement {
  return `v:${canonicalJson(value)}`;
}

/** `keys` in any order. */
export function keyElement(keys: Readonly<Record<string, unknown>>): PathElement {
  return `k:${canonicalJson(keys)}`;
}

/** The one text of a step that a client wrote; undefined for a kind of step that is not known. Throws where it is no step. */
export function canonicalElement(text: string): PathElement | undefined {
  const body = text.slice(2);
  if (text.charAt(1) !== ':') throw new Error(`no field path element: ${text}`);
  switch (text.slice(0, 2)) {
    case 'f:':
      return text;
    case 'v:':
      return valueElement(JSON.parse(body));
    case 'k:': {
      const keys: unknown = JSON.parse(body);
      if (keys === null || typeof keys !== 'object' || Array.isArray(keys)) throw new Error(`bad key ${body}`);
      return keyElement(keys as Readonly<Record<string, unknown>>);
    }
    case 'i:':
      if (!/^-?\d+$/.test(body)) throw new Error(`bad index ${body}`);
      return `i:${Number(body)}`;
    default:
      return undefined;
  }
}

/** Name of the field, where the step is one. */
export function fieldName(element: PathElement): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined;
}

/** Fields before items by key, by value, by place; texts by code point. */
export function compareElements(a: PathElement, b: PathElement): number {
  const rank = 'fkvi'.indexOf(a.charAt(0)) - 'fkvi'.indexOf(b.charAt(0));
  if (rank !== 0) return rank;
  if (a.startsWith('i:')) return Number(a.slice(2)) - Number(b.slice(2));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A path as conflicts show it: `.spec.containers[name="c"].image`. */
export function showPath(path: readonly PathElement[]): string {
  return path.map(showElement).join('');
}

function showElement(element: PathElement): string {
  const body = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return `.${body}`;
    case 'v':
      return `[=${body}]`;
    case 'k': {
      const keys = JSON.parse(body) as Readonly<Record<string, unknown>>;
      return `[${Object.keys(keys)
        .map((key) => `${key}=${JSON.stringify(keys[key])}`)
        .join(',')}]`;
    }
    default:
      return `[${body}]`;
  }
}

function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const object = value as Readonly<Record<string, unknown>>;
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  return `{${members.join(',')}}`;
}
