import type { KubeObject } from '#machinery/object.ts';

/** One change as an informer saw it. After a gap (a relist) an object may appear as `updated` that was replaced. */
export type Change<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T };

/** The objects of an informer by a key that is computed from them, kept up to date. */
export interface Index<T extends KubeObject> {
  /** In no order; empty for a key that no object has. */
  get(key: string): readonly T[];
}

/**
 * A local, eventually consistent copy of one resource, kept by list and watch. Objects are frozen and shared:
 * whoever needs to change one makes a draft. `metadata.managedFields` is left out to save memory; an update that lacks
 * it leaves the server's as they are. Ends with the signal that it was started with.
 */
export interface Informer<T extends KubeObject> {
  /** Resolves when the first list is in; rejects when the signal is aborted before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Of the newest change seen: 0 before the first list. Revisions of one server may be compared as numbers. */
  readonly revision: number;
  get(name: string, namespace?: string): T | undefined;
  /** All objects, or those of one namespace, in no order. */
  list(namespace?: string): readonly T[];
  /** An index under `name`; the first caller's `keysOf` defines it, later callers share it. */
  index(name: string, keysOf: (object: T) => readonly string[]): Index<T>;
  /** Calls `handler` with `added` for everything there is, then with every change. */
  subscribe(handler: (change: Change<T>) => void): Disposable;
}
