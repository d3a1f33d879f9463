import type { Randomness } from '#base/random.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { FilterFailure, Plugin, Rejection, Snapshot } from './framework.ts';
import { showFailure } from './messages.ts';
import type { NodeInfo } from './node-info.ts';

/** Above this many nodes only a part of them is searched for fitting ones. Upstream's numbers. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;

export type Decision =
  | { readonly type: 'node'; readonly nodeName: string; readonly evaluated: number }
  | { readonly type: 'none'; readonly message: string; readonly rejectedBy: ReadonlySet<string> };

/** Finds nodes for pods; remembers only where it stopped searching, so that all nodes get their turn. */
export class SchedulingCycle {
  readonly #plugins: readonly Plugin[];
  readonly #randomness: Randomness;
  #nextStart = 0;

  constructor(plugins: readonly Plugin[], randomness: Randomness) {
    this.#plugins = plugins;
    this.#randomness = randomness;
  }

  /** The node for a pod, or why there is none. Changes nothing. */
  decide(pod: Pod, snapshot: Snapshot): Decision {
    const { fitting, rejections, rejectedBy, preFilter } = this.#filter(pod, snapshot);
    if (fitting.length > 0) {
      const best = fitting.length === 1 ? fitting[0] : this.#best(pod, fitting, snapshot);
      return { type: 'node', nodeName: best?.name ?? '', evaluated: fitting.length + rejections.size };
    }
    const failure: FilterFailure = {
      nodeCount: snapshot.nodes.length,
      nodes: rejections,
      ...(preFilter ? { preFilter } : {}),
    };
    const notes =
      snapshot.nodes.length === 0
        ? []
        : this.#plugins.flatMap((plugin) => plugin.postFilter?.(pod, failure, snapshot) ?? []);
    return { type: 'none', message: showFailure(failure, notes), rejectedBy };
  }

  #filter(pod: Pod, snapshot: Snapshot) {
    const rejections = new Map<string, Rejection>();
    const rejectedBy = new Set<string>();
    const fitting: NodeInfo[] = [];
    const filters: { readonly plugin: Plugin; readonly state: unknown }[] = [];
    let named: ReadonlySet<string> | undefined;
    for (const plugin of this.#plugins) {
      const result = plugin.preFilter?.(pod, snapshot) ?? { type: 'go', state: undefined };
      if (result.type === 'skip') continue;
      if (result.type === 'reject') {
        rejectedBy.add(plugin.name);
        return { fitting, rejections, rejectedBy, preFilter: result.rejection };
      }
      if ('nodes' in result && result.nodes) named = named ? named.intersection(result.nodes) : result.nodes;
      if (plugin.filter) filters.push({ plugin, state: result.state });
    }
    const nodes = snapshot.nodes;
    const wanted = feasibleNodesToFind(nodes.length);
    let looked = 0;
    for (; looked < nodes.length && fitting.length < wanted; looked++) {
      const node = nodes[(this.#nextStart + looked) % nodes.length];
      if (!node) break;
      const rejection = named && !named.has(node.name) ? NOT_NAMED : check(pod, node, filters);
      if (!rejection) {
        fitting.push(node);
        continue;
      }
      rejections.set(node.name, rejection.rejection);
      rejectedBy.add(rejection.by);
    }
    if (nodes.length > 0) this.#nextStart = (this.#nextStart + looked) % nodes.length;
    return { fitting, rejections, rejectedBy, preFilter: undefined };
  }

  /** The node with the highest weighted score; among equals one by chance. */
  #best(pod: Pod, nodes: readonly NodeInfo[], snapshot: Snapshot): NodeInfo | undefined {
    const totals = new Array<number>(nodes.length).fill(0);
    for (const plugin of this.#plugins) {
      if (!plugin.score) continue;
      const prepared = plugin.preScore?.(pod, nodes, snapshot) ?? { type: 'go', state: undefined };
      if (prepared.type === 'skip') continue;
      const scores = nodes.map((node) => plugin.score?.(pod, node, prepared.state) ?? 0);
      plugin.normalize?.(scores, nodes, prepared.state);
      for (const [index, score] of scores.entries())
        totals[index] = (totals[index] ?? 0) + score * (plugin.weight ?? 1);
    }
    const highest = Math.max(...totals);
    const best = nodes.filter((_, index) => totals[index] === highest);
    return best[Math.floor(this.#randomness.fraction() * best.length)];
  }
}

const NOT_NAMED = {
  by: 'NodeAffinity',
  rejection: {
    code: 'unresolvable',
    reasons: ["node(s) didn't match Pod's node affinity/selector"],
  },
} as const satisfies { readonly by: string; readonly rejection: Rejection };

function check(
  pod: Pod,
  node: NodeInfo,
  filters: readonly { readonly plugin: Plugin; readonly state: unknown }[],
): { readonly by: string; readonly rejection: Rejection } | undefined {
  for (const { plugin, state } of filters) {
    const rejection = plugin.filter?.(pod, node, state);
    if (rejection) return { by: plugin.name, rejection };
  }
  return undefined;
}

/** All of up to 100 nodes; of more a share that shrinks to 5 percent, but at least 100. */
export function feasibleNodesToFind(nodeCount: number): number {
  if (nodeCount <= MIN_FEASIBLE_NODES) return nodeCount;
  const percentage = Math.max(MIN_PERCENTAGE, 50 - Math.floor(nodeCount / 125));
  return Math.max(MIN_FEASIBLE_NODES, Math.floor((nodeCount * percentage) / 100));
}
