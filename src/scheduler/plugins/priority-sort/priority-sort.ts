import type { Plugin } from '../../framework.ts';

/** Higher priority first, then who waits longer. */
export const prioritySort: Plugin = {
  name: 'PrioritySort',
  queueSort: (a, b) => (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) || a.since - b.since,
};
