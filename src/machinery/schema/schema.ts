/**
 * The ONE schema form. Built-in types (from the fact tables) and custom resources (from their OpenAPI schemas)
 * compile to it, and every decoder, unknown-field check, patch, apply, Table, protobuf codec and OpenAPI document
 * reads only it.
 */
export type Schema = StructSchema | MapSchema | ListSchema | ScalarSchema;

/** An object with declared fields. Compiled lazily, so that recursive types work; identical types share one instance. */
export interface StructSchema {
  readonly kind: 'struct';
  /** OpenAPI definition name, e.g. `io.k8s.api.core.v1.PodSpec`; empty for a part of a custom resource. */
  readonly name: string;
  /** Name of the type in messages, e.g. `PodSpec`. */
  readonly shortName: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly required: readonly string[];
  /** `atomic`: apply owns it as a whole. */
  readonly mapType: 'granular' | 'atomic';
  readonly unions?: unknown;
  /** Unknown fields are kept (custom resources with x-kubernetes-preserve-unknown-fields). */
  readonly preserveUnknown?: boolean;
}

export interface MapSchema {
  readonly kind: 'map';
  readonly values: Schema;
  readonly mapType: 'granular' | 'atomic';
}

export interface ListSchema {
  readonly kind: 'list';
  readonly items: Schema;
  readonly listType: 'atomic' | 'set' | 'map';
  /** For listType map: the key fields, in order. */
  readonly mapKeys: readonly string[];
}

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes' // base64 text in JSON
  | 'time'
  | 'microTime'
  | 'quantity'
  | 'intOrString'
  | 'fieldsV1'
  | 'rawExtension' // any JSON object; `{"raw": bytes}` in protobuf
  | 'object' // any JSON object
  | 'any'; // any JSON value

export interface ScalarSchema {
  readonly kind: 'scalar';
  readonly type: ScalarType;
  /** For `any`: objects inside the value, also in a list, have this form (JSON schemas of CRDs: `items`). */
  readonly objects?: StructSchema;
}

export interface FieldSchema {
  readonly name: string;
  readonly schema: Schema;
  /**
   * What absence and the zero value mean in served JSON. `pointer`: absent stays absent, an explicit zero is kept;
   * `nonempty`: a zero, false, "" or empty list or map is dropped; `always`: present even when zero or `{}`;
   * `null`: present, `null` when unset.
   */
  readonly zero: 'pointer' | 'nonempty' | 'always' | 'null';
  /** Strategic merge patch: `merge`, `replace`, `retainKeys` or `merge,retainKeys`. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly proto?: ProtoField;
  readonly nullable?: boolean;
  /** Default that the schema itself states (custom resources); built-in kinds have theirs in `Strategy.defaults`. */
  readonly default?: unknown;
}

export interface ProtoField {
  readonly number: number;
  /** Protobuf type as in the facts: `string`, `bool`, `int32`, `bytes`, `map<string,string>`, a message name. */
  readonly type: string;
  /** Numbers of embedded messages that the field sits inside on the wire. */
  readonly via?: readonly number[];
}
