import type { OwnerReference } from '#machinery/types/meta-v1.ts';
import type { GraphNode } from './graph.ts';

/** What is known of an owner that an object names. */
export type OwnerState = 'present' | 'absent' | 'waitsForDependents';

export type Verdict =
  | { readonly type: 'keep' }
  /** Some owners are left: only the references to the others go. */
  | { readonly type: 'unlink'; readonly uids: readonly string[] }
  | { readonly type: 'delete'; readonly policy: 'Foreground' | 'Background' | 'asItSays' };

/**
 * What becomes of an object, given the state of each of its owners: it lives as long as one of them does. Pure.
 * Source: Kubernetes documentation, "Garbage Collection".
 */
export function judge(
  owners: readonly OwnerReference[],
  stateOf: (owner: OwnerReference) => OwnerState,
  dependents: readonly GraphNode[],
): Verdict {
  if (owners.length === 0) return { type: 'keep' };
  const states = owners.map((owner) => ({ owner, state: stateOf(owner) }));
  const lost = states.filter(({ state }) => state !== 'present');
  if (lost.length === 0) return { type: 'keep' };
  if (lost.length < states.length) return { type: 'unlink', uids: lost.map(({ owner }) => owner.uid) };
  const isWaitedFor = states.some(({ state }) => state === 'waitsForDependents');
  // The owner waits for this object, so this one must wait for its own dependents.
  if (isWaitedFor && dependents.length > 0) return { type: 'delete', policy: 'Foreground' };
  return { type: 'delete', policy: 'asItSays' };
}

/** The dependents that keep an owner from going in the foreground. */
export function blockingDependents(owner: GraphNode, dependents: readonly GraphNode[]): readonly GraphNode[] {
  return dependents.filter(({ owners }) =>
    owners.some(({ uid, blockOwnerDeletion }) => uid === owner.uid && blockOwnerDeletion === true),
  );
}
