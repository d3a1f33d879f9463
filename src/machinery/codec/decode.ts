import { define, type Draft, type KubeObject } from '../object.ts';
import { canonicalQuantity, QuantityError } from '../quantity.ts';
import type { FieldSchema, ListSchema, MapSchema, ScalarSchema, Schema, StructSchema } from '../schema/schema.ts';
import { badRequestError } from '../status.ts';
import { canonicalMicroTime, canonicalTime } from '../time.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface DecodeOptions {
  readonly fieldValidation: FieldValidation;
  /** Paths of repeated keys, from parseJson. */
  readonly duplicates?: readonly string[];
  /** What readYaml tells of repeated keys. */
  readonly repeated?: readonly string[];
  /** Paths of whole numbers written as floats, from parseJson. */
  readonly floats?: readonly string[];
  /** Kind and version that messages name. */
  readonly kind: string;
  readonly apiVersion: string;
}

export interface Decoded {
  readonly object: Draft<KubeObject>;
  /** Texts of Warning headers; only where the field validation is Warn. */
  readonly warnings: readonly string[];
}

/** Values deeper than this inside a field without a schema are refused, so that no reader overflows its stack. */
export const MAX_VALUE_DEPTH = 1_000;
/** As upstream: no more field errors than this are told. */
const MAX_STRICT_ERRORS = 100;

/**
 * Turns parsed JSON into an object of a kind: checks types as Go does, reports or drops unknown fields, writes times,
 * quantities and bytes as the server serves them, and gives absent and zero values their served form, all in one pass.
 * Throws BadRequest with upstream's message. Source: apimachinery, serializer/json; KEP-2885 (field validation).
 */
export function decodeObject(value: unknown, schema: StructSchema, options: DecodeOptions): Decoded {
  const decoder = new Decoder(options);
  const object = value === null ? decoder.empty(schema) : decoder.struct(value, schema, '');
  const { repeated = [], duplicates = [] } = options;
  const fields = [...decoder.unknown, ...duplicates.map((path) => `duplicate field "${path}"`)];
  const shown = [...repeated, ...fields].slice(0, MAX_STRICT_ERRORS);
  if (shown.length > 0 && options.fieldValidation === 'Strict') {
    const lines = repeated.length > 0 ? [showRepeated(repeated)] : [];
    const problems = [...lines, ...fields.slice(0, MAX_STRICT_ERRORS)];
    throw badRequestError(handled(options, `strict decoding error: ${problems.join(', ')}`));
  }
  return {
    object: object as Draft<KubeObject>,
    warnings: options.fieldValidation === 'Warn' ? shown : [],
  };
}

/** Repeated keys of YAML as one error. */
export function showRepeated(repeated: readonly string[]): string {
  return ['yaml: unmarshal errors:', ...repeated.map((line) => `  ${line}`)].join('\n');
}

/** Gives absent and zero values their served form; unknown fields go. For objects made by us rather than a client. */
export function normalizeZero<T>(value: T, schema: StructSchema): T {
  const decoder = new Decoder({ fieldValidation: 'Ignore', kind: schema.shortName, apiVersion: '' });
  return decoder.struct(value, schema, '') as T;
}

/** `Deployment in version "v1" cannot be handled as a Deployment: why`. */
export function handled({ kind, apiVersion }: Pick<DecodeOptions, 'kind' | 'apiVersion'>, why: string): string {
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  return `${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`;
}

/** Where a value is, in the words of Go's type errors: `DeploymentSpec.spec.replicas`. */
interface Place {
  /** Innermost named type. */
  readonly struct: string;
  /** Path without indexes, as Go gives it. */
  readonly path: string;
}

const INT32_MAX = 2_147_483_647;
const INT32_MIN = -2_147_483_648;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

class Decoder {
  readonly unknown: string[] = [];
  readonly #options: DecodeOptions;
  readonly #floats: ReadonlySet<string> | undefined;
  #quiet: boolean;

  constructor(options: DecodeOptions) {
    this.#options = options;
    this.#quiet = options.fieldValidation === 'Ignore';
    this.#floats = options.floats?.length ? new Set(options.floats) : undefined;
  }

  empty(schema: StructSchema): Record<string, unknown> {
    return this.struct({}, schema, '');
  }

  struct(value: unknown, schema: StructSchema, path: string, place?: Place): Record<string, unknown> {
    if (!isObject(value)) throw this.mismatch(value, place, goName(schema));
    const result: Record<string, unknown> = {};
    let present = 0;
    for (const name of Object.keys(value)) {
      const field = schema.fields.get(name);
      if (!field) {
        if (schema.preserveUnknown) define(result, name, copyAny(value[name], 0));
        else this.#report(path, name);
        continue;
      }
      const member = value[name];
      if (member === undefined || member === null) continue;
      const decoded = this.#field(member, field, schema, path);
      if (decoded === undefined) continue;
      result[name] = decoded;
      if (field.zero === 'always' || field.zero === 'null') present++;
    }
    fillIn(result, schema, present);
    return result;
  }

  #report(path: string, name: string): void {
    if (this.#quiet || this.unknown.length >= MAX_STRICT_ERRORS) return;
    this.unknown.push(`unknown field ${JSON.stringify(path ? `${path}.${name}` : name)}`);
  }

  #field(value: unknown, field: FieldSchema, owner: StructSchema, path: string): unknown {
    const at = path ? `${path}.${field.name}` : field.name;
    const decoded = this.#value(value, field.schema, at, { struct: owner.shortName, path: at });
    // an empty list is an unset one once it has been stored, as protobuf knows no difference
    if (field.zero === 'null' && Array.isArray(decoded) && decoded.length === 0) return undefined;
    return field.zero === 'nonempty' && isZero(decoded, field.schema) ? undefined : decoded;
  }

  #value(value: unknown, schema: Schema, path: string, place: Place): unknown {
    switch (schema.kind) {
      case 'struct':
        return this.struct(value, schema, path, place);
      case 'list':
        return this.#list(value, schema, path, place.struct);
      case 'map':
        return this.#map(value, schema, path, place.struct);
      case 'scalar':
        return this.#scalar(value, schema, path, place);
    }
  }

  #list(value: unknown, schema: ListSchema, path: string, struct: string): unknown[] {
    if (!Array.isArray(value)) throw this.mismatch(value, { struct, path }, goName(schema));
    const items: unknown[] = new Array(value.length);
    for (let at = 0; at < value.length; at++) {
      const item: unknown = value[at];
      const itemPath = `${path}[${at}]`;
      items[at] =
        item === null
          ? this.#zero(schema.items)
          : this.#value(item, schema.items, itemPath, { struct, path: itemPath });
    }
    return items;
  }

  #map(value: unknown, schema: MapSchema, path: string, struct: string): Record<string, unknown> {
    const place = { struct, path }; // Go's errors leave out the keys of maps
    if (!isObject(value)) throw this.mismatch(value, place, goName(schema));
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const item = value[key];
      const decoded =
        item === null ? this.#zero(schema.values) : this.#value(item, schema.values, `${path}.${key}`, place);
      define(result, key, decoded);
    }
    return result;
  }

  /** What Go keeps for a `null` inside a list or map. */
  #zero(schema: Schema): unknown {
    if (schema.kind === 'struct') return this.empty(schema);
    if (schema.kind !== 'scalar') return null;
    return ZEROS[schema.type];
  }

  #scalar(value: unknown, schema: ScalarSchema, path: string, place: Place): unknown {
    switch (schema.type) {
      case 'string':
        if (typeof value === 'string') return value;
        throw this.mismatch(value, place, 'string');
      case 'boolean':
        if (typeof value === 'boolean') return value;
        throw this.mismatch(value, place, 'bool');
      case 'int32':
      case 'int64':
        return this.#integer(value, schema.type, place);
      case 'double':
        if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
        throw this.mismatch(value, place, 'float64');
      case 'bytes':
        return this.#bytes(value, place);
      case 'time':
      case 'microTime':
        return this.#time(value, schema.type, place);
      case 'quantity':
        return this.#quantity(value);
      case 'intOrString':
        if (typeof value === 'string') return value;
        return this.#integer(value, 'int32', place);
      case 'fieldsV1':
      case 'object':
        if (isObject(value)) return copyAny(value, 0);
        throw this.mismatch(value, place, 'map[string]interface {}');
      case 'rawExtension':
        return copyAny(value, 0);
      case 'any':
        return schema.objects ? this.#objects(value, schema.objects, path) : copyAny(value, 0);
    }
  }

  /** JSON schemas in CRDs: decoded by the form of a schema, but upstream reports nothing unknown inside them. */
  #objects(value: unknown, schema: StructSchema, path: string): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.#objects(item, schema, path));
    if (!isObject(value)) return copyAny(value, 0);
    const quiet = this.#quiet;
    this.#quiet = true;
    const decoded = this.struct(value, schema, path);
    this.#quiet = quiet;
    return decoded;
  }

  #integer(value: unknown, type: 'int32' | 'int64', place: Place): number | bigint {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw this.mismatch(value, place, type);
    const whole = typeof value === 'bigint' || (Number.isInteger(value) && !this.#floats?.has(place.path));
    const fits =
      whole && (type === 'int32' ? value <= INT32_MAX && value >= INT32_MIN : value <= INT64_MAX && value >= INT64_MIN);
    if (!fits) throw this.mismatch(value, place, type);
    return value === 0 ? 0 : value;
  }

  #bytes(value: unknown, place: Place): string {
    if (typeof value !== 'string') throw this.mismatch(value, place, '[]uint8');
    const text = value.replace(/[\r\n]/g, '');
    if (BASE64.test(text)) return text;
    const { length } = /^[A-Za-z0-9+/]*/.exec(text)?.[0] ?? '';
    throw this.#refuse(`illegal base64 data at input byte ${length - (length === text.length ? length % 4 : 0)}`);
  }

  #time(value: unknown, type: 'time' | 'microTime', place: Place): string {
    if (typeof value !== 'string') throw this.mismatch(value, place, 'string');
    const canonical = type === 'time' ? canonicalTime(value) : canonicalMicroTime(value);
    if (canonical !== undefined) return canonical;
    const layout = type === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
    const { rest, element } = firstMismatch(value, type === 'microTime');
    throw this.#refuse(
      `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(element)}`,
    );
  }

  #quantity(value: unknown): string {
    const text = typeof value === 'string' ? value.trim() : goNumber(value);
    try {
      return canonicalQuantity(text);
    } catch (error) {
      if (error instanceof QuantityError) throw this.#refuse(error.message);
      throw error;
    }
  }

  mismatch(value: unknown, place: Place | undefined, type: string): Error {
    const found = jsonType(value, type === 'int32' || type === 'int64');
    const path = (place?.path ?? '').replaceAll(/\[\d+\]/g, '');
    const where = place ? `struct field ${place.struct}.${path}` : 'value';
    return this.#refuse(`json: cannot unmarshal ${found} into Go ${where} of type ${type}`);
  }

  #refuse(why: string): Error {
    return badRequestError(handled(this.#options, why));
  }
}

const ZEROS: Readonly<Record<ScalarSchema['type'], unknown>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
  bytes: null,
  time: null,
  microTime: null,
  quantity: '0',
  intOrString: 0,
  fieldsV1: null,
  rawExtension: null,
  object: null,
  any: null,
};

/** Adds what is served though nobody wrote it; `present` such members are there already. */
function fillIn(result: Record<string, unknown>, schema: StructSchema, present: number): void {
  const filled = filledFields(schema);
  if (filled.length === present) return;
  for (const field of filled) {
    if (result[field.name] === undefined) result[field.name] = unsetValue(field);
  }
}

const filledOf = new WeakMap<StructSchema, readonly FieldSchema[]>();

function filledFields(schema: StructSchema): readonly FieldSchema[] {
  const known = filledOf.get(schema);
  if (known) return known;
  const fields = [...schema.fields.values()].filter(({ zero }) => zero === 'always' || zero === 'null');
  filledOf.set(schema, fields);
  return fields;
}

/** The served value of a field that is unset. */
function unsetValue({ zero, schema }: FieldSchema): unknown {
  if (zero === 'null') return null;
  if (schema.kind === 'struct') {
    const result = {};
    fillIn(result, schema, 0);
    return result;
  }
  if (schema.kind !== 'scalar') return null;
  return ZEROS[schema.type];
}

/** Whether Go's omitempty drops a value. Structs are never empty. */
function isZero(value: unknown, schema: Schema): boolean {
  if (schema.kind === 'list') return Array.isArray(value) && value.length === 0;
  if (schema.kind === 'map') return Object.keys(value as object).length === 0;
  if (schema.kind === 'struct') return false;
  return value === '' || value === 0 || value === false || value === null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function copyAny(value: unknown, depth: number): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (depth > MAX_VALUE_DEPTH) throw badRequestError(`json: exceeded max depth of ${MAX_VALUE_DEPTH}`);
  if (Array.isArray(value)) return value.map((item: unknown) => copyAny(item, depth + 1));
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    define(result, key, copyAny((value as Record<string, unknown>)[key], depth + 1));
  }
  return result;
}

/** What a JSON value is called in Go's errors; a number with its text where an integer was wanted. */
function jsonType(value: unknown, wantsInteger = false): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint' || typeof value === 'number') {
    return wantsInteger ? `number ${goNumber(value)}` : 'number';
  }
  return value === null ? 'null' : typeof value;
}

/** A JSON value as the text that a client would have written. */
function goNumber(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? '');
}

const GO_SCALARS: Readonly<Record<ScalarSchema['type'], string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  fieldsV1: 'v1.FieldsV1',
  rawExtension: 'runtime.RawExtension',
  object: 'map[string]interface {}',
  any: 'interface {}',
};

/** Name of a type in Go's errors: `v1.PodSpec`, `[]v1.Container`, `map[string]string`. */
function goName(schema: Schema): string {
  switch (schema.kind) {
    case 'struct':
      return schema.name.split('.').slice(-2).join('.');
    case 'list':
      return `[]${goName(schema.items)}`;
    case 'map':
      return `map[string]${goName(schema.values)}`;
    case 'scalar':
      return GO_SCALARS[schema.type];
  }
}

const TIME_PARTS: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d{2}/, '01'],
  [/^-/, '-'],
  [/^\d{2}/, '02'],
  [/^T/, 'T'],
  [/^\d{2}/, '15'],
  [/^:/, ':'],
  [/^\d{2}/, '04'],
  [/^:/, ':'],
  [/^\d{2}/, '05'],
];

/** The rest of the text and the part of the layout where Go stops reading a time. */
function firstMismatch(text: string, micro: boolean): { readonly rest: string; readonly element: string } {
  let rest = text;
  const parts = micro ? [...TIME_PARTS, [/^\.\d{6}/, '.000000'] as const] : TIME_PARTS;
  for (const [pattern, element] of parts) {
    const match = pattern.exec(rest);
    if (!match) return { rest, element };
    rest = rest.slice(match[0].length);
  }
  return { rest, element: 'Z07:00' };
}
