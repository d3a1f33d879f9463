import { formatTime } from '#machinery/time.ts';
import type { NamespaceCondition, NamespaceStatus } from '#machinery/types/core-v1.ts';

/** What one pass of emptying a namespace found. */
export interface Emptying {
  /** Group versions that could not be discovered. */
  readonly undiscovered: readonly string[];
  readonly failures: readonly string[];
  /** Objects left, by resource (`pods`, `deployments.apps`). */
  readonly remaining: ReadonlyMap<string, number>;
  /** Objects left that wait for a finalizer, by finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** The conditions of a namespace that is going, in upstream's words. Pure. Source: core/v1 API, NamespaceStatus. */
export function terminatingStatus(status: NamespaceStatus, emptying: Emptying, now: number): NamespaceStatus {
  const { undiscovered, failures, remaining, finalizers } = emptying;
  const news = [
    undiscovered.length > 0
      ? bad(
          'NamespaceDeletionDiscoveryFailure',
          'DiscoveryFailed',
          `Discovery failed for some groups, ${undiscovered.length} failing: unable to retrieve the complete list of server APIs: ${undiscovered.join(', ')}`,
        )
      : good('NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'),
    good(
      'NamespaceDeletionGroupVersionParsingFailure',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failures.length > 0
      ? bad(
          'NamespaceDeletionContentFailure',
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(', ')}`,
        )
      : good(
          'NamespaceDeletionContentFailure',
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ),
    remaining.size > 0
      ? bad(
          'NamespaceContentRemaining',
          'SomeResourcesRemain',
          `Some resources are remaining: ${list(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
        )
      : good('NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'),
    finalizers.size > 0
      ? bad(
          'NamespaceFinalizersRemaining',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${list(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
        )
      : good('NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
  ];
  let conditions = status.conditions ?? [];
  for (const condition of news) conditions = withCondition(conditions, condition, now);
  return { ...status, phase: 'Terminating', conditions };
}

type New = Pick<NamespaceCondition, 'type' | 'status' | 'reason' | 'message'>;

function good(type: string, reason: string, message: string): New {
  return { type, status: 'False', reason, message };
}

function bad(type: string, reason: string, message: string): New {
  return { type, status: 'True', reason, message };
}

function list(counts: ReadonlyMap<string, number>, show: (name: string, count: number) => string): string {
  return [...counts]
    .map(([name, count]) => show(name, count))
    .toSorted()
    .join(', ');
}

function withCondition(
  conditions: readonly NamespaceCondition[],
  next: New,
  now: number,
): readonly NamespaceCondition[] {
  const current = conditions.find(({ type }) => type === next.type);
  const { status, message, reason } = next;
  if (current?.status === status && current.message === message && current.reason === reason) return conditions;
  const since = current?.status === status ? current.lastTransitionTime : formatTime(now);
  const condition = { ...next, lastTransitionTime: since };
  return current ? conditions.with(conditions.indexOf(current), condition) : [...conditions, condition];
}
