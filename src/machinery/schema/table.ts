import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A type as the fact tables write it: a scalar, a definition name, `[T]` for a list, `{ map: T }` for a map. */
export type FactType = string | readonly [FactType] | { readonly map: FactType };

export interface FieldFacts {
  readonly type: FactType;
  readonly zero: 'pointer' | 'nonempty' | 'always' | 'null';
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly mapKeys?: readonly string[];
  readonly mapType?: 'granular' | 'atomic';
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  /** A number alone stands for a string or a bool. */
  readonly proto?: number | readonly [number, string];
  readonly protoVia?: readonly number[];
}

export interface TypeFacts {
  readonly gvk?: readonly [string, string, string];
  readonly required?: readonly string[];
  readonly mapType?: 'granular' | 'atomic';
  readonly unions?: unknown;
  readonly scalar?: string;
  readonly fields?: Readonly<Record<string, FieldFacts>>;
}

export interface ResourceFacts {
  /** Group, version and kind of the body. */
  readonly kind: readonly [string, string, string];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface ApiFacts {
  readonly types: Readonly<Record<string, TypeFacts>>;
  readonly resources: Readonly<Record<string, Readonly<Record<string, ResourceFacts>>>>;
}

/** Protobuf messages that are not OpenAPI types: field -> number, type, label (`optional` or `repeated`). */
export type ProtoFacts = Readonly<Record<string, Readonly<Record<string, readonly [number, string, string]>>>>;

export type GateFacts = Readonly<Record<string, { readonly stage: string; readonly on: boolean }>>;

const FOLDER = 'data/api-facts';

let folder: string | undefined;
let api: ApiFacts | undefined;
let proto: ProtoFacts | undefined;
let gates: GateFacts | undefined;

/** The facts of the v1.36 API; read on first use (4 ms), then shared. */
export function apiFacts(): ApiFacts {
  api ??= read('v1.36.json') as ApiFacts;
  return api;
}

export function protoFacts(): ProtoFacts {
  proto ??= read('proto-extra.json') as ProtoFacts;
  return proto;
}

/** Every feature gate with its stage and whether it is on by default. */
export function featureGates(): GateFacts {
  gates ??= read('feature-gates.json') as GateFacts;
  return gates;
}

/** Path of a file of the package's `data/api-facts`, found from the sources and from a bundle in `dist/` alike. */
export function factsPath(name: string): string {
  folder ??= findFolder(import.meta.dirname);
  return join(folder, name);
}

function findFolder(start: string): string {
  for (let at = start; ; at = dirname(at)) {
    const candidate = join(at, FOLDER);
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) throw new Error(`the package is incomplete: no ${FOLDER} above ${start}`);
  }
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(factsPath(name), 'utf8'));
}
