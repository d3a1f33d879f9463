import type { Draft, KubeObject } from '#machinery/object.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import type { User } from '../admission/admission.ts';
import type { Answer, ApiRequest } from '../http/exchange.ts';

/**
 * What is served beside stored objects: resources that store nothing (reviews), subresources with a kind of their own
 * (token, binding, eviction) and connections (exec, log, proxy). The composition registers them; the registry and
 * discovery read them from one table.
 */
export interface Handlers {
  readonly virtual: readonly VirtualResource[];
  readonly subresources: readonly SubresourceHandler[];
  readonly connects: readonly ConnectHandler[];
}

/** Group, version and kind of a body, with the schema that decodes it. */
export interface BodyKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: StructSchema;
}

/** What is known of the request when a handler runs. Decoding, authorization and admission are done by then. */
export interface HandlerContext {
  readonly user: User;
  /** Empty outside a namespace. */
  readonly namespace: string;
  /** Name of the parent object for subresources; else ''. */
  readonly name: string;
  readonly dryRun: boolean;
  /** Milliseconds since the epoch (`apiClock`). */
  readonly now: number;
  readonly query: URLSearchParams;
  /** Adds a Warning header to the answer. */
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A resource that stores nothing, such as tokenreviews and subjectaccessreviews. */
export interface VirtualResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly schema: StructSchema;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Answers a POST: 201 with what it returns. Throws StatusError. */
  create?(object: Draft<KubeObject>, context: HandlerContext): Promise<object>;
  /** Answer GETs (componentstatuses). */
  get?(context: HandlerContext): Promise<object>;
  list?(context: HandlerContext): Promise<readonly object[]>;
}

/** A subresource whose body is not the parent's kind. */
export interface SubresourceHandler {
  /** Group and plural of the parent: '' and 'serviceaccounts'. Every served version of the parent has it. */
  readonly group: string;
  readonly resource: string;
  /** `token`, `binding`, `eviction`. */
  readonly subresource: string;
  readonly body: BodyKind;
  /** Further versions of the body that are accepted (`policy/v1beta1` Eviction). */
  readonly otherBodies?: readonly BodyKind[];
  /** Answers a POST to `.../{name}/{subresource}`: 201 with what it returns. Throws StatusError. */
  create?(object: Draft<KubeObject>, context: HandlerContext): Promise<object>;
}

/** A subresource that is a connection or a stream: exec, attach, portforward, log, proxy. */
export interface ConnectHandler {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** HTTP methods it answers; others are 405. */
  readonly methods: readonly string[];
  /** Kind shown in discovery: `PodExecOptions`; the query is decoded by the handler. */
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** GETs count as reads (`log`), not as connections: no CONNECT admission. */
  readonly read?: boolean;
  /** What CONNECT admission sees as the object: the query as an options object. */
  options?(query: URLSearchParams): unknown;
  /** The rest of the path after the subresource (`proxy/metrics` -> `/metrics`) is `rest`. */
  connect(request: ApiRequest, context: HandlerContext & { readonly rest: string }): Promise<Answer>;
}
