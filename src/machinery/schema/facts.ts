import type { FieldSchema, ListSchema, ProtoField, ScalarSchema, ScalarType, Schema, StructSchema } from './schema.ts';
import { messageFacts } from './messages.ts';
import { missingPlace } from './proto-numbers.ts';
import { apiFacts, type FactType, type FieldFacts, featureGates, type ResourceFacts, type TypeFacts } from './table.ts';

/** The schema of a built-in kind, compiled from the fact tables on first use. Throws where there is no such kind. */
export function kindSchema(group: string, version: string, kind: string): StructSchema {
  const schema = findKindSchema(group, version, kind);
  if (!schema) throw new Error(`no schema for ${group ? `${group}/` : ''}${version} ${kind}`);
  return schema;
}

/** As kindSchema, but undefined where there is no such kind. */
export function findKindSchema(group: string, version: string, kind: string): StructSchema | undefined {
  const name = definitionName(group, version, kind);
  const schema = name === undefined ? undefined : typeSchema(name);
  return schema?.kind === 'struct' ? schema : undefined;
}

/** OpenAPI definition name of a kind: `io.k8s.api.apps.v1.Deployment`. */
export function definitionName(group: string, version: string, kind: string): string | undefined {
  kindNames ??= indexKinds();
  return kindNames.get(`${group}/${version}/${kind}`);
}

/** A type by its OpenAPI definition name, e.g. `io.k8s.api.core.v1.PodSpec`; one instance for each name. */
export function typeSchema(name: string): StructSchema | ScalarSchema {
  const known = compiled.get(name);
  if (known) return known;
  const schema = compileType(name);
  compiled.set(name, schema);
  return schema;
}

/** Names of all types of the tables. */
export function typeNames(): readonly string[] {
  return [...Object.keys(apiFacts().types), ...Object.keys(messageFacts())];
}

/** A type of apimachinery that is in every group: `DeleteOptions`, `ListOptions`, `Status`, `WatchEvent`. */
export function metaSchema(kind: string): StructSchema {
  const schema = typeSchema(`${META}${kind}`);
  if (schema.kind !== 'struct') throw new Error(`${kind} is no object`);
  return schema;
}

/** group/version (`v1` for core) -> resource or resource/subresource -> what serves it. */
export function builtinResources(): Readonly<Record<string, Readonly<Record<string, ResourceFacts>>>> {
  return apiFacts().resources;
}

/** Whether a feature gate is on by default; undefined for a gate that v1.36 does not know. */
export function featureDefault(gate: string): boolean | undefined {
  return featureGates()[gate]?.on;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const SCHEMA_TYPES = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';

const SPECIAL: Readonly<Record<string, ScalarType>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  [`${META}FieldsV1`]: 'fieldsV1',
  [`${META}MicroTime`]: 'microTime',
  [`${META}Time`]: 'time',
  [`${META}Patch`]: 'object',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'rawExtension',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
  [`${SCHEMA_TYPES}JSON`]: 'any',
};

/** Types that hold a JSON schema or something else in its place. */
const SCHEMA_OR_ELSE: ReadonlySet<string> = new Set(
  ['JSONSchemaPropsOrArray', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrStringArray'].map(
    (name) => `${SCHEMA_TYPES}${name}`,
  ),
);

const SCALARS: Readonly<Record<string, ScalarType>> = {
  string: 'string',
  boolean: 'boolean',
  'integer:int32': 'int32',
  'integer:int64': 'int64',
  'number:double': 'double',
  'string:byte': 'bytes',
  object: 'object',
  any: 'any',
};

const scalars = new Map<ScalarType, ScalarSchema>();
const compiled = new Map<string, StructSchema | ScalarSchema>();
const atomics = new Map<string, StructSchema>();
let kindNames: ReadonlyMap<string, string> | undefined;

/** A schema of the tables whose fields are compiled when they are first asked for, so that types may be recursive. */
class BuiltinStruct implements StructSchema {
  readonly kind = 'struct';
  readonly name: string;
  readonly shortName: string;
  readonly required: readonly string[];
  readonly mapType: 'granular' | 'atomic';
  readonly unions?: unknown;
  readonly #facts: TypeFacts;
  #fields: ReadonlyMap<string, FieldSchema> | undefined;

  constructor(name: string, facts: TypeFacts, mapType = facts.mapType) {
    this.name = name;
    this.shortName = name.slice(name.lastIndexOf('.') + 1);
    this.required = facts.required ?? [];
    this.mapType = mapType ?? 'granular';
    if (facts.unions !== undefined) this.unions = facts.unions;
    this.#facts = facts;
  }

  get fields(): ReadonlyMap<string, FieldSchema> {
    this.#fields ??= compileFields(this.name, this.#facts);
    return this.#fields;
  }
}

function factsOf(name: string): TypeFacts | undefined {
  return apiFacts().types[name] ?? messageFacts()[name];
}

function compileType(name: string): StructSchema | ScalarSchema {
  const facts = factsOf(name);
  if (!facts) throw new Error(`no type ${name} in the tables`);
  const special = SPECIAL[name];
  if (special) return scalar(special);
  if (SCHEMA_OR_ELSE.has(name)) return schemaOrElse();
  return new BuiltinStruct(name, facts);
}

function schemaOrElse(): ScalarSchema {
  return {
    kind: 'scalar',
    type: 'any',
    get objects() {
      const schema = typeSchema(`${SCHEMA_TYPES}JSONSchemaProps`);
      if (schema.kind !== 'struct') throw new Error('JSONSchemaProps is no object');
      return schema;
    },
  };
}

function compileFields(type: string, facts: TypeFacts): ReadonlyMap<string, FieldSchema> {
  const fields = new Map<string, FieldSchema>();
  for (const [name, field] of Object.entries(facts.fields ?? {})) {
    fields.set(name, compileField(name, { ...field, ...missingPlace(type, name) }));
  }
  return fields;
}

function compileField(name: string, facts: FieldFacts): FieldSchema {
  const proto = protoField(facts);
  return {
    name,
    schema: compileFieldType(facts.type, facts),
    zero: facts.zero,
    ...(facts.patchStrategy ? { patchStrategy: facts.patchStrategy } : {}),
    ...(facts.patchMergeKey ? { patchMergeKey: facts.patchMergeKey } : {}),
    ...(proto ? { proto } : {}),
  };
}

function protoField({ proto, protoVia, type }: FieldFacts): ProtoField | undefined {
  if (proto === undefined) return undefined;
  const via = protoVia ? { via: protoVia } : {};
  if (typeof proto !== 'number') return { number: proto[0], type: proto[1], ...via };
  const element = Array.isArray(type) ? type[0] : type;
  return { number: proto, type: element === 'boolean' ? 'bool' : 'string', ...via };
}

function compileFieldType(type: FactType, facts: Partial<FieldFacts>): Schema {
  if (typeof type === 'string') return SCALARS[type] ? scalar(SCALARS[type]) : named(type, facts.mapType);
  if (isList(type)) {
    const list: ListSchema = {
      kind: 'list',
      items: compileFieldType(type[0], {}),
      listType: facts.listType ?? 'atomic',
      mapKeys: facts.mapKeys ?? [],
    };
    return list;
  }
  return { kind: 'map', values: compileFieldType(type.map, {}), mapType: facts.mapType ?? 'granular' };
}

function isList(type: FactType): type is readonly [FactType] {
  return Array.isArray(type);
}

/** A field may make a whole of what is granular elsewhere. */
function named(name: string, mapType: 'granular' | 'atomic' | undefined): Schema {
  const schema = typeSchema(name);
  if (schema.kind !== 'struct' || mapType === undefined || schema.mapType === mapType) return schema;
  const known = atomics.get(name);
  if (known) return known;
  const variant = new BuiltinStruct(name, factsOf(name) ?? {}, mapType);
  atomics.set(name, variant);
  return variant;
}

function scalar(type: ScalarType): ScalarSchema {
  const known = scalars.get(type);
  if (known) return known;
  const schema: ScalarSchema = { kind: 'scalar', type };
  scalars.set(type, schema);
  return schema;
}

function indexKinds(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const table of [messageFacts(), apiFacts().types]) {
    for (const [name, { gvk }] of Object.entries(table)) if (gvk) names.set(gvk.join('/'), name);
  }
  return names;
}
