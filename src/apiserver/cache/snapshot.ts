import sortedBtree from 'sorted-btree';
import type { KubeObject } from '#machinery/object.ts';
import { prefixEnd } from '#store/store.ts';
import type { ScanOptions, Snapshot } from './cache.ts';
import { type CachedEntry, objectKey } from './cached-object.ts';

/** Entries in the order of their keys. `clone` is O(1); what is changed afterwards is copied, node by node. */
export type EntryTree<T extends KubeObject> = InstanceType<typeof sortedBtree.default<string, CachedEntry<T>>>;

export function entryTree<T extends KubeObject>(): EntryTree<T> {
  return new sortedBtree.default<string, CachedEntry<T>>(undefined, compareKeys);
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts after every key. */
const END_OF_KEYS = '\u{10ffff}';

/** A tree that nobody changes any more. */
export class TreeSnapshot<T extends KubeObject> implements Snapshot<T> {
  readonly revision: number;
  readonly tree: EntryTree<T>;

  constructor(revision: number, tree: EntryTree<T>) {
    this.revision = revision;
    this.tree = tree;
  }

  get(namespace: string, name: string): CachedEntry<T> | undefined {
    return this.tree.get(objectKey(namespace, name));
  }

  *scan(options: ScanOptions = {}): Generator<CachedEntry<T>> {
    const { from, end } = bounds(options);
    const pair: (string | CachedEntry<T>)[] = [];
    for (const [key, entry] of this.tree.entries(from, pair)) {
      if (key >= end) return;
      if (key !== options.afterKey) yield entry;
    }
  }

  count(options: ScanOptions = {}): number {
    if (!options.namespace && options.afterKey === undefined && options.fromKey === undefined) return this.tree.size;
    const { from, end } = bounds(options);
    const counted = this.tree.forRange(from, end, false);
    return options.afterKey !== undefined && options.afterKey >= from && this.tree.has(options.afterKey)
      ? counted - 1
      : counted;
  }
}

function bounds({ namespace, afterKey = '', fromKey = '' }: ScanOptions): {
  readonly from: string;
  readonly end: string;
} {
  const prefix = namespace ? `${namespace}/` : '';
  const from = [prefix, afterKey, fromKey].reduce((highest, key) => (key > highest ? key : highest));
  return { from, end: prefix ? prefixEnd(prefix) : END_OF_KEYS };
}
