import { parseTime } from '#machinery/time.ts';
import type { ReplicaSetStatus } from '#machinery/types/apps-v1.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import {
  isPodActive,
  isPodAvailable,
  isPodReady,
  isPodTerminating,
  podReadySince,
  restartCount,
} from '#reconciler/pods.ts';
import type { LabelMatcher } from '#reconciler/selectors.ts';

/** Pods created or deleted in one reconcile at most. Upstream's BurstReplicas. */
const BURST_REPLICAS = 500;

export interface ScalePlan {
  readonly create: number;
  readonly delete: readonly Pod[];
}

/**
 * How many pods to create, or which to delete. `pods` are the active ones of the set, `related` the active ones of all
 * sets of the same owner: of those that share a node the set's own go first. Pure.
 */
export function planScale(replicas: number, pods: readonly Pod[], related: readonly Pod[], now: number): ScalePlan {
  const difference = replicas - pods.length;
  if (difference >= 0) return { create: Math.min(difference, BURST_REPLICAS), delete: [] };
  const count = Math.min(-difference, BURST_REPLICAS);
  return { create: 0, delete: inDeletionOrder(pods, related, now).slice(0, count) };
}

/**
 * The pods that are missed least come first: unassigned, pending, not ready, cheap to delete, crowded on their node,
 * ready for a short time, often restarted, young. Source: ReplicaSet documentation, "Scaling a ReplicaSet".
 */
export function inDeletionOrder(pods: readonly Pod[], related: readonly Pod[], now: number): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) perNode.set(spec.nodeName ?? '', (perNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode.get(pod.spec.nodeName ?? '') ?? 0, now) }));
  ranked.sort((a, b) => compareRanks(a.rank, b.rank));
  return ranked.map(({ pod }) => pod);
}

/** Numbers to compare from the left; the lower goes first. */
function rankOf(pod: Pod, onSameNode: number, now: number): readonly number[] {
  const readySince = podReadySince(pod);
  const created = parseTime(pod.metadata.creationTimestamp) ?? now;
  return [
    pod.spec.nodeName ? 1 : 0,
    PHASES.indexOf(pod.status.phase ?? 'Pending'),
    isPodReady(pod) ? 1 : 0,
    deletionCost(pod),
    -onSameNode,
    readySince === undefined ? 0 : ageMagnitude(now - readySince),
    -restartCount(pod),
    ageMagnitude(now - created),
  ];
}

const PHASES = ['Pending', 'Unknown', 'Running'];

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Ages of the same power of two count as equal, so that no node is emptied of all its youngest pods. KEP-2185. */
function ageMagnitude(ageMs: number): number {
  return Math.floor(Math.log2(Math.max(ageMs / 1000, 1)));
}

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** A malformed cost counts as none, as upstream has it. */
function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.[DELETION_COST];
  return text !== undefined && /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

export interface StatusInput {
  readonly pods: readonly Pod[];
  /** Labels that a fully labelled pod has: those of the template. */
  readonly templateMatches: LabelMatcher;
  readonly minReadySeconds: number;
  readonly now: number;
}

/** The counts of a replica set's status. `pods` are all that it controls. Pure. */
export function countReplicas({ pods, templateMatches, minReadySeconds, now }: StatusInput) {
  const active = pods.filter(isPodActive);
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => templateMatches(metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, now)).length,
    terminatingReplicas: pods.filter(isPodTerminating).length,
  } satisfies ReplicaSetStatus;
}
