import type { Pod } from '#machinery/types/core-v1.ts';
import { go, type Plugin, SKIP, type Snapshot, unresolvable, unschedulable } from '../../framework.ts';
import type { NodeInfo } from '../../node-info.ts';
import { preferredTerms, requiredAffinity, requiredAntiAffinity, type Term } from './terms.ts';

/** How much a required affinity term of an existing pod counts as a preference of it. */
const HARD_AFFINITY_WEIGHT = 1;

/** Domains (`topologyKey=value`) with what was counted in them. */
type Domains = ReadonlyMap<string, number>;

interface FilterState {
  readonly affinity: readonly Term[];
  readonly antiAffinity: readonly Term[];
  /** Domains that existing pods keep the new one out of. */
  readonly repelling: Domains;
  /** For each affinity term, domains with pods that match all affinity terms. */
  readonly attracting: Domains;
  readonly occupied: Domains;
  /** No pod matches anywhere, but the new pod matches its own terms: it may be the first. */
  readonly isFirst: boolean;
}

/** Pods that want to be near or far from others. Source: core/v1 API, PodAffinity; KEP-2249, KEP-3633. */
export const interPodAffinity: Plugin<FilterState, Domains> = {
  name: 'InterPodAffinity',
  weight: 2,
  preFilter(pod, snapshot) {
    const affinity = requiredAffinity(pod, snapshot);
    const antiAffinity = requiredAntiAffinity(pod, snapshot);
    const repelling = repellingDomains(pod, snapshot);
    if (affinity.length + antiAffinity.length + repelling.size === 0) return SKIP;
    const attracting = countDomains(snapshot.nodes, affinity, (other) => affinity.every((term) => term.matches(other)));
    const occupied = countDomains(snapshot.nodes, antiAffinity);
    const isFirst = attracting.size === 0 && affinity.every((term) => term.matches(pod));
    return go({ affinity, antiAffinity, repelling, attracting, occupied, isFirst });
  },
  filter(_, info, { affinity, antiAffinity, repelling, attracting, occupied, isFirst }) {
    const keys = affinity.map(({ topologyKey }) => domainOf(info, topologyKey));
    const isNear = keys.every((key) => key !== undefined && (isFirst || attracting.has(key)));
    if (!isNear) return unresolvable("node(s) didn't match pod affinity rules");
    if (antiAffinity.some(({ topologyKey }) => occupied.has(domainOf(info, topologyKey) ?? ''))) {
      return unschedulable("node(s) didn't match pod anti-affinity rules");
    }
    for (const [key, value] of Object.entries(info.node?.metadata.labels ?? {})) {
      if (repelling.has(`${key}=${value}`)) {
        return unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");
      }
    }
    return undefined;
  },
  preScore(pod, _, snapshot) {
    const domains = preferences(pod, snapshot);
    return domains.size > 0 ? go(domains) : SKIP;
  },
  score(_, info, domains) {
    let sum = 0;
    for (const [key, value] of Object.entries(info.node?.metadata.labels ?? {})) {
      sum += domains.get(`${key}=${value}`) ?? 0;
    }
    return sum;
  },
  normalize(scores) {
    const least = Math.min(...scores);
    const range = Math.max(...scores) - least;
    for (const [index, score] of scores.entries()) {
      scores[index] = range === 0 ? 0 : Math.floor((100 * (score - least)) / range);
    }
  },
  hints: [
    { resource: 'AssignedPod', actions: ['Add', 'Delete'] },
    {
      resource: 'AssignedPod',
      actions: ['Update'],
      helps: (_, { old, object }) => JSON.stringify(old?.metadata.labels) !== JSON.stringify(object?.metadata.labels),
    },
    { resource: 'Node', actions: ['Add', 'Update'] },
    { resource: 'Namespace', actions: ['Add', 'Update', 'Delete'] },
    { resource: 'Pod', actions: ['Update'] },
  ],
};

function domainOf(info: NodeInfo, topologyKey: string): string | undefined {
  const value = info.node?.metadata.labels?.[topologyKey];
  return value === undefined ? undefined : `${topologyKey}=${value}`;
}

/** Domains in which a pod forbids the new one by its required anti-affinity. */
function repellingDomains(pod: Pod, snapshot: Snapshot): Domains {
  const domains = new Map<string, number>();
  for (const info of snapshot.nodesWithRequiredAntiAffinity) {
    for (const other of info.podsWithRequiredAntiAffinity) {
      for (const term of requiredAntiAffinity(other, snapshot)) {
        const domain = domainOf(info, term.topologyKey);
        if (domain !== undefined && term.matches(pod)) domains.set(domain, (domains.get(domain) ?? 0) + 1);
      }
    }
  }
  return domains;
}

/** Domains of the terms' keys that hold pods the terms mean (or those that `wanted` says). */
function countDomains(nodes: readonly NodeInfo[], terms: readonly Term[], wanted?: (pod: Pod) => boolean): Domains {
  const domains = new Map<string, number>();
  if (terms.length === 0) return domains;
  for (const info of nodes) {
    for (const other of info.pods) {
      if (wanted && !wanted(other)) continue;
      for (const term of terms) {
        const domain = domainOf(info, term.topologyKey);
        if (domain !== undefined && (wanted || term.matches(other)))
          domains.set(domain, (domains.get(domain) ?? 0) + 1);
      }
    }
  }
  return domains;
}

/** What the pod's preferences, and those of existing pods towards it, sum up to in each domain. */
function preferences(pod: Pod, snapshot: Snapshot): Domains {
  const domains = new Map<string, number>();
  const count = (info: NodeInfo, term: Term, weight: number) => {
    const domain = domainOf(info, term.topologyKey);
    if (domain !== undefined) domains.set(domain, (domains.get(domain) ?? 0) + weight);
  };
  const own = preferredTerms(pod, snapshot);
  if (own.length > 0) {
    for (const info of snapshot.nodes) {
      for (const other of info.pods) for (const term of own) if (term.matches(other)) count(info, term, term.weight);
    }
  }
  for (const info of snapshot.nodesWithAffinity) {
    for (const other of info.podsWithAffinity) {
      for (const term of preferredTerms(other, snapshot)) if (term.matches(pod)) count(info, term, term.weight);
      for (const term of requiredAffinity(other, snapshot)) {
        if (term.matches(pod)) count(info, term, HARD_AFFINITY_WEIGHT);
      }
    }
  }
  return domains;
}
