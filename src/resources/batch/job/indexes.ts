import type { Pod } from '#machinery/types/core-v1.ts';

export const INDEX = 'batch.kubernetes.io/job-completion-index';

/** The index of a pod of an Indexed job; undefined where it has none. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** `1,3-5,7` as a set; upstream's form of completedIndexes. Numbers from `limit` on are dropped. */
export function parseIndexes(text: string | undefined, limit = Number.POSITIVE_INFINITY): ReadonlySet<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const [first, last = first] = part.split('-').map(Number);
    if (part === '' || first === undefined || last === undefined) continue;
    for (let index = first; index <= Math.min(last, limit - 1); index++) indexes.add(index);
  }
  return indexes;
}

/** A set as `1,3-5,7`: runs of two are written with a comma as well, runs of three and more with a dash. */
export function showIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].toSorted((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const index of sorted) {
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs
    .map(([first, last]) =>
      first === last ? `${first}` : first + 1 === last ? `${first},${last}` : `${first}-${last}`,
    )
    .join(',');
}

/** The `count` lowest indexes below `completions` that are in none of the sets. */
export function freeIndexes(
  count: number,
  completions: number,
  taken: readonly ReadonlySet<number>[],
): readonly number[] {
  const free: number[] = [];
  for (let index = 0; index < completions && free.length < count; index++) {
    if (!taken.some((set) => set.has(index))) free.push(index);
  }
  return free;
}
