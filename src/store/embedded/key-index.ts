import sortedBtree from 'sorted-btree';

/** The newest row of a key. */
export interface Newest {
  readonly revision: number;
  /** It is the key's deletion, which former revisions still need. */
  readonly deleted: boolean;
}

/**
 * The newest row of every key, in memory: about a hundred bytes a key save every write a random page of an index on
 * disk. Deletions stay until they are compacted.
 */
export class KeyIndex {
  /** Negative: the revision of a deletion. */
  readonly #newest = new sortedBtree.default<string, number>(undefined, compareKeys);

  get(key: string): Newest | undefined {
    const signed = this.#newest.get(key);
    return signed === undefined ? undefined : { revision: Math.abs(signed), deleted: signed < 0 };
  }

  set(key: string, { revision, deleted }: Newest): void {
    this.#newest.set(key, deleted ? -revision : revision);
  }

  delete(key: string): void {
    this.#newest.delete(key);
  }

  /** Keys from one (inclusive) to another (exclusive), in order. */
  *between(from: string, end: string): Generator<readonly [string, Newest]> {
    const pair: (string | number)[] = [];
    for (const [key, signed] of this.#newest.entries(from, pair)) {
      if (key >= end) return;
      yield [key, { revision: Math.abs(signed), deleted: signed < 0 }];
    }
  }
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
