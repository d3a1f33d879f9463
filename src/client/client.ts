import type { KubeList, KubeObject, Sparse } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { Status } from '#machinery/types/meta-v1.ts';

/**
 * One request to an API server and its answer, as bytes. `https.ts` and `in-process.ts` implement it with the same
 * semantics: encoded bytes, own identity, status codes, streams that end.
 */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, encoded: `/api/v1/pods?limit=500`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body in pieces; a watch goes on until it is ended. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  readonly signal?: AbortSignal;
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly signal?: AbortSignal;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** What is to be changed in which object. */
export interface Patch {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly type: PatchType;
  /** A list of operations for `json`; else the part of an object that the type takes. */
  readonly body: unknown;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: Status };

/** The API, typed. Every method throws StatusError for an answer that is an error. Objects that come back are frozen. */
export interface Client {
  get<T extends KubeObject>(resource: ResourceRef<T>, name: string, namespace?: string): Promise<T>;
  list<T extends KubeObject>(resource: ResourceRef<T>, options?: ListOptions): Promise<KubeList<T>>;
  watch<T extends KubeObject>(resource: ResourceRef<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: ResourceRef<T>, object: Sparse<T>, options?: WriteOptions): Promise<T>;
  update<T extends KubeObject>(resource: ResourceRef<T>, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends KubeObject>(resource: ResourceRef<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: ResourceRef<T>,
    patch: Patch,
    options?: WriteOptions & { readonly subresource?: string; readonly force?: boolean },
  ): Promise<T>;
  delete(resource: ResourceRef, name: string, namespace?: string, options?: DeleteOptions): Promise<void>;
  /** Anything else: a subresource such as `binding`, `eviction`, `token`; a review. Sends and returns JSON. */
  post<Answer = unknown>(path: string, body: unknown, options?: WriteOptions): Promise<Answer>;
  /** Raw access with this client's identity. */
  readonly transport: Transport;
}
