import { assertNever } from '#base/assert.ts';
import { schemaDefault } from '#machinery/apply/atom.ts';
import { typeSchema } from '#machinery/schema/facts.ts';
import type { FieldSchema, ListSchema, ScalarType, Schema, StructSchema } from '#machinery/schema/schema.ts';
import { apiFacts } from '#machinery/schema/table.ts';
import type { Descriptions } from './descriptions.ts';

/** A schema in the words of OpenAPI. */
export type SchemaDocument = Record<string, unknown>;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** Scalars that are definitions of their own. */
const NAMED_SCALARS: Partial<Readonly<Record<ScalarType, string>>> = {
  time: `${META}Time`,
  microTime: `${META}MicroTime`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  fieldsV1: `${META}FieldsV1`,
  rawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
};

/**
 * Writes schemas for one document and remembers which definitions it has referred to, so that exactly those are
 * written. `version`: 2 for Swagger, 3 for OpenAPI 3.0.
 */
export class SchemaWriter {
  readonly #version: 2 | 3;
  readonly #descriptions: Descriptions;
  readonly #wanted: string[] = [];
  readonly #own = new Map<string, SchemaDocument>();

  constructor(version: 2 | 3, descriptions: Descriptions) {
    this.#version = version;
    this.#descriptions = descriptions;
  }

  /** A reference; the definition will be part of the document. */
  ref(name: string): SchemaDocument {
    if (!this.#wanted.includes(name)) this.#wanted.push(name);
    return { $ref: `${this.#version === 2 ? '#/definitions/' : '#/components/schemas/'}${name}` };
  }

  /** Adds a definition that is in no fact table (a custom resource). */
  define(name: string, schema: SchemaDocument): void {
    this.#own.set(name, schema);
  }

  /** Every definition that was referred to, and what those refer to, by name. */
  definitions(): Record<string, SchemaDocument> {
    const written = new Map<string, SchemaDocument>();
    for (let next = 0; next < this.#wanted.length; next++) {
      const name = this.#wanted[next] ?? '';
      written.set(name, this.#own.get(name) ?? this.#definition(name));
    }
    return Object.fromEntries([...written].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** An object whose fields are written out. */
  struct(schema: StructSchema): SchemaDocument {
    const texts = this.#descriptions[schema.name] ?? {};
    const properties: SchemaDocument = {};
    for (const field of schema.fields.values()) properties[field.name] = this.#field(field, schema, texts[field.name]);
    const required = schema.required.filter((name) => schema.fields.has(name));
    return {
      ...(texts[''] ? { description: texts[''] } : {}),
      ...(schema.fields.size > 0 ? { properties } : {}),
      ...(required.length > 0 ? { required } : {}),
      type: 'object',
      ...(schema.preserveUnknown ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
      ...(schema.unions === undefined ? {} : { 'x-kubernetes-unions': schema.unions }),
      ...(schema.mapType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    };
  }

  #definition(name: string): SchemaDocument {
    const schema = typeSchema(name);
    if (schema.kind === 'scalar') {
      const text = this.#descriptions[name]?.[''];
      return { ...(text ? { description: text } : {}), ...this.#scalar(schema.type) };
    }
    const gvk = apiFacts().types[name]?.gvk;
    const written = this.struct(schema);
    return gvk ? { ...written, 'x-kubernetes-group-version-kind': [gvkDocument(gvk)] } : written;
  }

  #field(field: FieldSchema, owner: StructSchema, description: string | undefined): SchemaDocument {
    const schema = this.#value(field.schema);
    const value = schemaDefault(owner, field.name);
    const text = description ?? this.#typeText(field.schema);
    const extras: SchemaDocument = {
      ...(text ? { description: text } : {}),
      ...(value === undefined ? {} : { default: value }),
      ...(field.patchMergeKey ? { 'x-kubernetes-patch-merge-key': field.patchMergeKey } : {}),
      ...(field.patchStrategy ? { 'x-kubernetes-patch-strategy': field.patchStrategy } : {}),
      ...this.#wholeOf(field.schema),
    };
    if (!('$ref' in schema) || Object.keys(extras).length === 0) return { ...extras, ...schema };
    return this.#version === 2 ? { ...extras, ...schema } : { ...extras, allOf: [schema] };
  }

  /** The text of a field that has none of its own: that of its type. */
  #typeText(schema: Schema): string | undefined {
    const name =
      schema.kind === 'struct' ? schema.name : schema.kind === 'scalar' ? NAMED_SCALARS[schema.type] : undefined;
    return name ? this.#descriptions[name]?.[''] : undefined;
  }

  /** A field may make a whole of a type that is granular elsewhere. */
  #wholeOf(schema: Schema): SchemaDocument {
    if (schema.kind !== 'struct' || schema.name === '' || schema.mapType !== 'atomic') return {};
    const base = typeSchema(schema.name);
    return base.kind === 'struct' && base.mapType !== 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {};
  }

  #value(schema: Schema): SchemaDocument {
    switch (schema.kind) {
      case 'struct':
        return schema.name === '' ? this.struct(schema) : this.ref(schema.name);
      case 'map':
        return {
          additionalProperties: this.#value(schema.values),
          type: 'object',
          ...(schema.mapType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
        };
      case 'list':
        return this.#list(schema);
      case 'scalar': {
        const name = NAMED_SCALARS[schema.type];
        return name ? this.ref(name) : this.#scalar(schema.type);
      }
      default:
        return assertNever(schema);
    }
  }

  #list({ items, listType, mapKeys }: ListSchema): SchemaDocument {
    return {
      items: this.#value(items),
      type: 'array',
      'x-kubernetes-list-type': listType,
      ...(listType === 'map' ? { 'x-kubernetes-list-map-keys': mapKeys } : {}),
    };
  }

  #scalar(type: ScalarType): SchemaDocument {
    switch (type) {
      case 'string':
        return { type: 'string' };
      case 'boolean':
        return { type: 'boolean' };
      case 'int32':
      case 'int64':
        return { type: 'integer', format: type };
      case 'double':
        return { type: 'number', format: 'double' };
      case 'bytes':
        return { type: 'string', format: 'byte' };
      case 'time':
      case 'microTime':
        return { type: 'string', format: 'date-time' };
      case 'quantity':
        return this.#version === 2 ? { type: 'string' } : { oneOf: [{ type: 'string' }, { type: 'number' }] };
      case 'intOrString':
        return this.#version === 2
          ? { type: 'string', format: 'int-or-string' }
          : { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' };
      case 'fieldsV1':
      case 'rawExtension':
      case 'object':
        return { type: 'object' };
      case 'any':
        return {};
      default:
        return assertNever(type);
    }
  }
}

export function gvkDocument([group, version, kind]: readonly [string, string, string]): SchemaDocument {
  return { group, kind, version };
}
