import type { KubeObject } from '#machinery/object.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { NodeInfo } from './node-info.ts';

/**
 * The extension points of a scheduling cycle, in the order in which they run. A plug-in implements those it needs; what
 * it computes for one pod it returns from `preFilter` or `preScore` and is given back. Everything up to `reserve` is
 * synchronous: a decision is made on a state that cannot change under it. Source: KEP-624.
 */
export interface Plugin<FilterState = unknown, ScoreState = unknown> {
  readonly name: string;
  /** How much its score counts. Default 1. */
  readonly weight?: number;

  /** Whether the pod may enter the active queue. */
  preEnqueue?(pod: Pod): Rejection | undefined;
  /** Order of the active queue; of all plug-ins one has it. */
  queueSort?(a: QueuedPod, b: QueuedPod): number;
  /** Looks at the pod once. `skip`: its filter has nothing to say. `nodes`: no others need be looked at. */
  preFilter?(pod: Pod, snapshot: Snapshot): PreFilterResult<FilterState>;
  /** Whether the pod fits the node. */
  filter?(pod: Pod, node: NodeInfo, state: FilterState): Rejection | undefined;
  /** After no node fitted: what could be done about it, in words for the user. */
  postFilter?(pod: Pod, failure: FilterFailure, snapshot: Snapshot): string | undefined;
  /** Looks at the pod once, given the nodes that fit. */
  preScore?(pod: Pod, nodes: readonly NodeInfo[], snapshot: Snapshot): PreScoreResult<ScoreState>;
  /** Higher is better; 0 to 100 unless `normalize` brings it there. */
  score?(pod: Pod, node: NodeInfo, state: ScoreState): number;
  /** Brings the scores of all nodes to 0 to 100. */
  normalize?(scores: number[], nodes: readonly NodeInfo[], state: ScoreState): void;
  /** Takes what the pod needs; undone by `unreserve` when something later fails. */
  reserve?(pod: Pod, nodeName: string): Rejection | undefined;
  unreserve?(pod: Pod, nodeName: string): void;
  /** May hold the pod back: resolves when it may go on. */
  permit?(pod: Pod, nodeName: string, signal: AbortSignal): Promise<Rejection | undefined>;
  preBind?(pod: Pod, nodeName: string, signal: AbortSignal): Promise<Rejection | undefined>;
  /** Whether it bound the pod; the first that does ends the list. */
  bind?(pod: Pod, nodeName: string, signal: AbortSignal): Promise<boolean>;
  postBind?(pod: Pod, nodeName: string): void;

  /** Which changes may make a pod schedulable that this plug-in rejected. */
  readonly hints?: readonly Hint[];
}

export interface Rejection {
  /** `unresolvable`: removing other pods would not help either. `pending`: wait for an outside party. */
  readonly code: 'unschedulable' | 'unresolvable' | 'pending';
  readonly reasons: readonly string[];
}

export type PreFilterResult<State> =
  | { readonly type: 'go'; readonly state: State; readonly nodes?: ReadonlySet<string> }
  | { readonly type: 'skip' }
  | { readonly type: 'reject'; readonly rejection: Rejection };

export type PreScoreResult<State> = { readonly type: 'go'; readonly state: State } | { readonly type: 'skip' };

export const SKIP = { type: 'skip' } as const;

export function go<State>(state: State): { readonly type: 'go'; readonly state: State } {
  return { type: 'go', state };
}

export function unschedulable(...reasons: string[]): Rejection {
  return { code: 'unschedulable', reasons };
}

export function unresolvable(...reasons: string[]): Rejection {
  return { code: 'unresolvable', reasons };
}

/** The nodes and what is on them, at the moment of a cycle. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  get(name: string): NodeInfo | undefined;
  /** Nodes that have pods with affinity terms, or with required anti-affinity terms. */
  readonly nodesWithAffinity: Iterable<NodeInfo>;
  readonly nodesWithRequiredAntiAffinity: Iterable<NodeInfo>;
  /** Labels of a namespace, for namespace selectors. */
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined;
  /** The selector of what controls the pod, for spreading by default. */
  ownerSelector(pod: Pod): ((labels: Readonly<Record<string, string>> | undefined) => boolean) | undefined;
}

/** Why no node fitted. */
export interface FilterFailure {
  readonly nodeCount: number;
  /** Rejection of each node. */
  readonly nodes: ReadonlyMap<string, Rejection>;
  /** Where a preFilter ruled out all nodes at once. */
  readonly preFilter?: Rejection;
}

/** A change in the cluster. `old` and `object` as far as there are any. */
export interface ClusterEvent {
  readonly resource: 'Pod' | 'AssignedPod' | 'Node' | 'Namespace';
  readonly action: 'Add' | 'Update' | 'Delete';
  readonly old?: KubeObject;
  readonly object?: KubeObject;
}

export interface Hint {
  readonly resource: ClusterEvent['resource'];
  readonly actions: readonly ClusterEvent['action'][];
  /** Whether this very change may help this pod. Absent: every one may. */
  helps?(pod: Pod, event: ClusterEvent): boolean;
}

export interface QueuedPod {
  readonly pod: Pod;
  /** When it entered the queue, milliseconds since the epoch. */
  readonly since: number;
  readonly attempts: number;
  /** Names of the plug-ins that rejected it last. */
  readonly rejectedBy: ReadonlySet<string>;
}
