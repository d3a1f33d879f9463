/** What identifies an item within its list. */
export function identity(item: unknown, mergeKey: string | undefined): unknown {
  if (mergeKey === undefined) return item;
  return isObject(item) && Object.hasOwn(item, mergeKey) ? item[mergeKey] : undefined;
}

/**
 * Orders `merged`: items that `wanted` names come in its order, the others in the order of `live`; the two are
 * interleaved so that, where the live list knows both, its order holds, and the order of `wanted` is never broken.
 */
export function orderMerged(
  merged: readonly unknown[],
  wanted: readonly unknown[],
  live: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const wantedRank = ranks(wanted, mergeKey);
  const liveRank = ranks(live, mergeKey);
  const named = merged.filter((item) => wantedRank.has(identity(item, mergeKey)));
  const others = merged.filter((item) => !wantedRank.has(identity(item, mergeKey)));
  return interleave(
    stableSort(others, (item) => liveRank.get(identity(item, mergeKey))),
    stableSort(named, (item) => wantedRank.get(identity(item, mergeKey))),
    (item) => liveRank.get(identity(item, mergeKey)),
  );
}

/** Whether the items of `list` stand in `order`, in that order. */
export function followsOrder(
  list: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
): boolean {
  let at = 0;
  for (const item of list) {
    const wanted = identity(item, mergeKey);
    while (at < order.length && identity(order[at], mergeKey) !== wanted) at++;
    if (at++ >= order.length) return false;
  }
  return true;
}

function ranks(list: readonly unknown[], mergeKey: string | undefined): Map<unknown, number> {
  const result = new Map<unknown, number>();
  for (const [index, item] of list.entries()) {
    const key = identity(item, mergeKey);
    if (!result.has(key)) result.set(key, index);
  }
  return result;
}

/** Items without a rank stay behind those that have one. */
function stableSort(items: readonly unknown[], rank: (item: unknown) => number | undefined): unknown[] {
  return items.toSorted((a, b) => (rank(a) ?? Number.MAX_SAFE_INTEGER) - (rank(b) ?? Number.MAX_SAFE_INTEGER));
}

function interleave(
  left: readonly unknown[],
  right: readonly unknown[],
  rank: (item: unknown) => number | undefined,
): unknown[] {
  const result: unknown[] = [];
  let next = 0;
  for (const item of right) {
    const here = rank(item);
    while (next < left.length) {
      const other = rank(left[next]);
      if (here === undefined || other === undefined || other >= here) break;
      result.push(left[next++]);
    }
    result.push(item);
  }
  return [...result, ...left.slice(next)];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
