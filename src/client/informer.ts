import type { KubeObject } from '#machinery/object.ts';

/** One change as an informer saw it. After a gap (a relist) an object may appear as `updated` that was replaced. */
export type Change<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T };

/**
 * A local, eventually consistent copy of one resource, kept by list and watch. Objects are frozen and shared:
 * whoever needs to change one makes a draft. Ends with the signal that it was started with.
 */
export interface Informer<T extends KubeObject> {
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>;
  get(name: string, namespace?: string): T | undefined;
  /** All objects, or those of one namespace, in no order. */
  list(namespace?: string): readonly T[];
  /** Calls `handler` with `added` for everything there is, then with every change. */
  subscribe(handler: (change: Change<T>) => void): Disposable;
}
