import { type LabelMatcher, labelMatcher } from '#reconciler/selectors.ts';
import type { Node, Pod, TopologySpreadConstraint } from '#machinery/types/core-v1.ts';
import { go, type Plugin, SKIP, type Snapshot, unresolvable, unschedulable } from '../../framework.ts';
import type { NodeInfo } from '../../node-info.ts';
import { meetsNodeAffinity } from '../node-affinity/node-selector.ts';
import { isTolerated } from '../tolerations.ts';

/** A constraint ready to be counted. */
interface Constraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly matches: LabelMatcher;
  readonly minDomains: number;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
}

interface FilterState {
  readonly constraints: readonly Constraint[];
  /** For each constraint the number of matching pods in each domain that counts. */
  readonly counts: readonly ReadonlyMap<string, number>[];
}

interface ScoreState {
  readonly constraints: readonly Constraint[];
  readonly counts: readonly ReadonlyMap<string, number>[];
  readonly weights: readonly number[];
  /** Nodes that lack one of the keys get nothing. */
  readonly requiresAll: boolean;
}

/** Spread by default of pods that have a controller and no constraints of their own. Upstream's system defaults. */
const DEFAULTS = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const;

const MISMATCH = "node(s) didn't match pod topology spread constraints";

/** Spreads pods over domains. Source: KEP-895, KEP-3022 (minDomains), KEP-3094 (policies), KEP-3243 (matchLabelKeys). */
export const podTopologySpread: Plugin<FilterState, ScoreState> = {
  name: 'PodTopologySpread',
  weight: 2,
  preFilter(pod, snapshot) {
    const constraints = constraintsOf(pod, 'DoNotSchedule');
    if (constraints.length === 0) return SKIP;
    return go({ constraints, counts: countDomains(pod, constraints, snapshot.nodes) });
  },
  filter(pod, info, { constraints, counts }) {
    for (const [index, constraint] of constraints.entries()) {
      const domain = info.node?.metadata.labels?.[constraint.topologyKey];
      if (domain === undefined) return unresolvable(`${MISMATCH} (missing required label)`);
      const domains = counts[index] ?? new Map<string, number>();
      const fewest = domains.size < constraint.minDomains ? 0 : Math.min(...domains.values());
      const self = constraint.matches(pod.metadata.labels) ? 1 : 0;
      const skew = (domains.get(domain) ?? 0) + self - (Number.isFinite(fewest) ? fewest : 0);
      if (skew > constraint.maxSkew) return unschedulable(MISMATCH);
    }
    return undefined;
  },
  preScore(pod, nodes, snapshot) {
    const own = constraintsOf(pod, 'ScheduleAnyway');
    const hasOwn = (pod.spec.topologySpreadConstraints ?? []).length > 0;
    const constraints = hasOwn ? own : defaultConstraints(pod, snapshot);
    if (constraints.length === 0) return SKIP;
    const counts = countDomains(pod, constraints, snapshot.nodes);
    const weights = constraints.map(({ topologyKey }) => {
      const seen = new Set(nodes.map(({ node }) => node?.metadata.labels?.[topologyKey]));
      seen.delete(undefined);
      return Math.log(seen.size + 2);
    });
    return go({ constraints, counts, weights, requiresAll: hasOwn });
  },
  score(_, info, state) {
    const labels = info.node?.metadata.labels ?? {};
    let sum = 0;
    for (const [index, { topologyKey, maxSkew }] of state.constraints.entries()) {
      const domain = labels[topologyKey];
      if (domain === undefined) {
        if (state.requiresAll) return IGNORED;
        continue;
      }
      sum += (state.counts[index]?.get(domain) ?? 0) * (state.weights[index] ?? 1) + (maxSkew - 1);
    }
    return Math.round(sum);
  },
  normalize(scores) {
    const counted = scores.filter((score) => score !== IGNORED);
    const most = Math.max(0, ...counted);
    const fewest = Math.min(...counted);
    for (const [index, score] of scores.entries()) {
      if (score === IGNORED) scores[index] = 0;
      else scores[index] = most === 0 ? 100 : Math.floor((100 * (most + fewest - score)) / most);
    }
  },
  hints: [
    {
      resource: 'AssignedPod',
      actions: ['Add', 'Update', 'Delete'],
      helps: (pod, { old, object }) =>
        constraintsOf(pod, 'DoNotSchedule').some(
          ({ matches }) => matches(object?.metadata.labels) || matches(old?.metadata.labels),
        ),
    },
    { resource: 'Node', actions: ['Add', 'Update', 'Delete'] },
    { resource: 'Pod', actions: ['Update'] },
  ],
};

const IGNORED = -1;

function constraintsOf(pod: Pod, whenUnsatisfiable: string): readonly Constraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable)
    .map((constraint) => ({
      maxSkew: constraint.maxSkew,
      topologyKey: constraint.topologyKey,
      matches: matcherOf(constraint, pod),
      minDomains: constraint.minDomains ?? 1,
      honorsAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
      honorsTaints: constraint.nodeTaintsPolicy === 'Honor',
    }));
}

/** The selector together with the pod's own values of `matchLabelKeys`. */
function matcherOf({ labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint, pod: Pod): LabelMatcher {
  const matches = labelMatcher(labelSelector);
  const own = pod.metadata.labels ?? {};
  const keys = matchLabelKeys.filter((key) => own[key] !== undefined);
  return (labels) => matches(labels) && keys.every((key) => labels?.[key] === own[key]);
}

function defaultConstraints(pod: Pod, snapshot: Snapshot): readonly Constraint[] {
  const matches = snapshot.ownerSelector(pod);
  if (!matches) return [];
  return DEFAULTS.map((spread) => ({ ...spread, matches, minDomains: 1, honorsAffinity: true, honorsTaints: false }));
}

/** Matching pods of the pod's namespace in each domain; a node without one of the keys belongs to no domain. */
function countDomains(
  pod: Pod,
  constraints: readonly Constraint[],
  nodes: readonly NodeInfo[],
): readonly ReadonlyMap<string, number>[] {
  const counts = constraints.map(() => new Map<string, number>());
  for (const info of nodes) {
    const labels = info.node?.metadata.labels ?? {};
    for (const [index, constraint] of constraints.entries()) {
      const domain = labels[constraint.topologyKey];
      const domains = counts[index];
      if (domain === undefined || !domains || !info.node || !includes(constraint, pod, info.node)) continue;
      domains.set(domain, (domains.get(domain) ?? 0) + countPods(info, constraint, pod));
    }
  }
  return counts;
}

function includes({ honorsAffinity, honorsTaints }: Constraint, pod: Pod, node: Node): boolean {
  if (honorsAffinity && !meetsNodeAffinity(pod, node)) return false;
  if (!honorsTaints) return true;
  return (node.spec.taints ?? []).every(
    (taint) => taint.effect === 'PreferNoSchedule' || isTolerated(taint, pod.spec.tolerations),
  );
}

function countPods(info: NodeInfo, { matches }: Constraint, pod: Pod): number {
  let count = 0;
  for (const { metadata } of info.pods) {
    if (metadata.deletionTimestamp !== undefined || metadata.namespace !== pod.metadata.namespace) continue;
    if (matches(metadata.labels)) count++;
  }
  return count;
}
