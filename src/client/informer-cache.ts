import type { KubeObject } from '#machinery/object.ts';
import type { Change, Index } from './informer.ts';

/** The objects of an informer, by namespace and name and by what was asked to be indexed. */
export class InformerCache<T extends KubeObject> {
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<string, KeyIndex<T>>();
  #all: readonly T[] | undefined = [];

  get(name: string, namespace = ''): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  list(namespace?: string): readonly T[] {
    if (namespace !== undefined) return [...(this.#namespaces.get(namespace)?.values() ?? [])];
    this.#all ??= [...this.#namespaces.values()].flatMap((objects) => [...objects.values()]);
    return this.#all;
  }

  index(name: string, keysOf: (object: T) => readonly string[]): Index<T> {
    let index = this.#indexes.get(name);
    if (!index) {
      index = new KeyIndex(keysOf);
      for (const object of this.list()) index.add(object);
      this.#indexes.set(name, index);
    }
    return index;
  }

  /** Takes one object in; undefined where it is what is held already or older. */
  put(object: T): Change<T> | undefined {
    const { name = '', namespace = '' } = object.metadata;
    let objects = this.#namespaces.get(namespace);
    if (!objects) this.#namespaces.set(namespace, (objects = new Map()));
    const old = objects.get(name);
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return undefined;
    objects.set(name, object);
    this.#all = undefined;
    for (const index of this.#indexes.values()) {
      if (old) index.remove(old);
      index.add(object);
    }
    return old ? { type: 'updated', object, old } : { type: 'added', object };
  }

  /** `object` is the last state known; undefined where nothing is held under its name. */
  remove(object: T): Change<T> | undefined {
    const { name = '', namespace = '' } = object.metadata;
    const objects = this.#namespaces.get(namespace);
    const old = objects?.get(name);
    if (!objects || !old) return undefined;
    objects.delete(name);
    if (objects.size === 0) this.#namespaces.delete(namespace);
    this.#all = undefined;
    for (const index of this.#indexes.values()) index.remove(old);
    return { type: 'deleted', object };
  }

  /** Becomes exactly `objects`; gives what changed. An object replaced by one of another uid is deleted and added. */
  replace(objects: readonly T[]): readonly Change<T>[] {
    const changes: Change<T>[] = [];
    const kept = new Set<string>();
    for (const object of objects) {
      const { name = '', namespace = '', uid } = object.metadata;
      kept.add(`${namespace}/${name}`);
      const old = this.get(name, namespace);
      if (old && old.metadata.uid !== uid) push(changes, this.remove(old));
      push(changes, this.put(object));
    }
    for (const object of this.list()) {
      const { name = '', namespace = '' } = object.metadata;
      if (!kept.has(`${namespace}/${name}`)) push(changes, this.remove(object));
    }
    return changes;
  }
}

function push<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}

class KeyIndex<T extends KubeObject> implements Index<T> {
  readonly #keysOf: (object: T) => readonly string[];
  readonly #objects = new Map<string, Set<T>>();

  constructor(keysOf: (object: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  get(key: string): readonly T[] {
    return [...(this.#objects.get(key) ?? [])];
  }

  add(object: T): void {
    for (const key of this.#keysOf(object)) {
      const objects = this.#objects.get(key);
      if (objects) objects.add(object);
      else this.#objects.set(key, new Set([object]));
    }
  }

  remove(object: T): void {
    for (const key of this.#keysOf(object)) {
      const objects = this.#objects.get(key);
      objects?.delete(object);
      if (objects?.size === 0) this.#objects.delete(key);
    }
  }
}
