import type { FilterFailure } from './framework.ts';

/** `1 Insufficient cpu, 2 node(s) were unschedulable`: how many nodes gave each reason, in alphabetical order. */
export function showReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const lines = [...counts].map(([reason, count]) => `${count} ${reason}`);
  return lines.toSorted().join(', ');
}

/** What a user reads in the FailedScheduling event and the PodScheduled condition. */
export function showFailure({ nodeCount, nodes, preFilter }: FilterFailure, postFilter: readonly string[]): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = preFilter
    ? preFilter.reasons.join(', ')
    : showReasons([...nodes.values()].flatMap((rejection) => rejection.reasons));
  const message = `0/${nodeCount} nodes are available: ${reasons}.`;
  return postFilter.length > 0 ? `${message} ${postFilter.join(', ')}` : message;
}
