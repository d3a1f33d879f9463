import type { KubeObject } from '#machinery/object.ts';
import type { WatchRequest } from './cache.ts';
import type { CachedEntry } from './cached-object.ts';
import type { CacheEvent } from './history-window.ts';
import { SharedChange, type Watcher } from './watcher.ts';

/** Watches with the same scope and the same filter: one decision and one change for all of them. */
interface Group<T extends KubeObject> {
  readonly request: WatchRequest<T>;
  readonly watchers: Set<Watcher<T>>;
}

/**
 * The watches of one resource, found by what an event is about. A group stands under its narrowest scope: one object,
 * one name, one indexed value, one namespace, or everything.
 */
export class WatchIndex<T extends KubeObject> {
  readonly #groups = new Map<string, Group<T>>();
  readonly #byScope = new Map<string, Set<Group<T>>>();
  #indexedGroups = 0;

  get size(): number {
    let size = 0;
    for (const { watchers } of this.#groups.values()) size += watchers.size;
    return size;
  }

  *watchers(): Generator<Watcher<T>> {
    for (const { watchers } of this.#groups.values()) yield* watchers;
  }

  add(watcher: Watcher<T>): void {
    const { request } = watcher;
    const key = groupKey(request);
    const group = this.#groups.get(key);
    if (group) {
      group.watchers.add(watcher);
      return;
    }
    const made = { request, watchers: new Set([watcher]) };
    this.#groups.set(key, made);
    const scope = scopeOf(request);
    const groups = this.#byScope.get(scope) ?? new Set();
    this.#byScope.set(scope, groups.add(made));
    if (request.indexed !== undefined) this.#indexedGroups++;
  }

  remove(watcher: Watcher<T>): void {
    const { request } = watcher;
    const key = groupKey(request);
    const group = this.#groups.get(key);
    group?.watchers.delete(watcher);
    if (!group || group.watchers.size > 0) return;
    this.#groups.delete(key);
    const scope = scopeOf(request);
    const groups = this.#byScope.get(scope);
    groups?.delete(group);
    if (groups?.size === 0) this.#byScope.delete(scope);
    if (request.indexed !== undefined) this.#indexedGroups--;
  }

  /** Gives the event to everybody it concerns; `touched` collects whom. */
  dispatch(event: CacheEvent<T>, touched: Set<Watcher<T>>): void {
    if (this.#groups.size === 0) return;
    for (const scope of this.#scopesOf(event)) {
      for (const group of this.#byScope.get(scope) ?? []) {
        const change = changeFor(group.request, event);
        if (!change) continue;
        for (const watcher of group.watchers) {
          if (change.revision <= watcher.after) continue;
          watcher.push(change);
          touched.add(watcher);
        }
      }
    }
  }

  #scopesOf(event: CacheEvent<T>): readonly string[] {
    const entry = event.object ?? event.previous;
    if (!entry) return [];
    const scopes = [ALL, `key:${entry.key}`, `name:${entry.name}`, `namespace:${entry.namespace}`];
    if (this.#indexedGroups > 0) {
      const values = new Set([indexedValue(event.object), indexedValue(event.previous)]);
      for (const value of values) if (value !== undefined) scopes.push(`indexed:${value}`);
    }
    return scopes;
  }
}

const ALL = 'all';

function scopeOf({ namespace, name, indexed }: WatchRequest<never>): string {
  if (name !== undefined) return namespace ? `key:${namespace}/${name}` : `name:${name}`;
  if (indexed !== undefined) return `indexed:${indexed}`;
  return namespace ? `namespace:${namespace}` : ALL;
}

function groupKey({ namespace, name, indexed, filterKey }: WatchRequest<never>): string {
  return JSON.stringify([namespace ?? '', name ?? null, indexed ?? null, filterKey]);
}

/** What an event is to a watch: entering the filter is ADDED, leaving it DELETED with the state before. */
export function changeFor<T extends KubeObject>(
  request: WatchRequest<T>,
  { revision, object, previous }: CacheEvent<T>,
): SharedChange<T> | undefined {
  const is = object && matches(request, object);
  const was = previous && matches(request, previous);
  if (is) return new SharedChange(was ? 'MODIFIED' : 'ADDED', object, revision);
  if (was) return new SharedChange('DELETED', previous, revision);
  return undefined;
}

/** Whether a request is about the object. An object that cannot be decoded is nobody's: reading it says why. */
export function matches<T extends KubeObject>(request: WatchRequest<T>, entry: CachedEntry<T>): boolean {
  const { namespace, name, indexed, filterKey } = request;
  if (namespace && entry.namespace !== namespace) return false;
  if (name !== undefined && entry.name !== name) return false;
  if (indexed === undefined && filterKey === '') return true;
  try {
    return (
      (indexed === undefined || entry.indexed() === indexed) && (filterKey === '' || request.matches(entry.object()))
    );
  } catch {
    return false;
  }
}

function indexedValue<T extends KubeObject>(entry: CachedEntry<T> | undefined): string | undefined {
  try {
    return entry?.indexed();
  } catch {
    return undefined;
  }
}
