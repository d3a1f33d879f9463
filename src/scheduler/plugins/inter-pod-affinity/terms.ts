import type { Pod, PodAffinityTerm } from '#machinery/types/core-v1.ts';
import { isEmptySelector, labelMatcher } from '#reconciler/selectors.ts';
import type { Snapshot } from '../../framework.ts';

/** An affinity term ready to be asked: which pods it means, and by what nodes are grouped. */
export interface Term {
  readonly topologyKey: string;
  /** 1 for required terms. */
  readonly weight: number;
  matches(pod: Pod): boolean;
}

export function requiredAffinity(pod: Pod, snapshot: Snapshot): readonly Term[] {
  const terms = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map((term) => termOf(term, 1, pod, snapshot));
}

export function requiredAntiAffinity(pod: Pod, snapshot: Snapshot): readonly Term[] {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map((term) => termOf(term, 1, pod, snapshot));
}

/** Preferred terms; those of anti-affinity have negative weights. */
export function preferredTerms(pod: Pod, snapshot: Snapshot): readonly Term[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const attracting = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const repelling = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...attracting.map(({ podAffinityTerm, weight }) => termOf(podAffinityTerm, weight, pod, snapshot)),
    ...repelling.map(({ podAffinityTerm, weight }) => termOf(podAffinityTerm, -weight, pod, snapshot)),
  ];
}

/** Terms are those of `owner`: without namespaces they mean the owner's. */
function termOf(term: PodAffinityTerm, weight: number, owner: Pod, snapshot: Snapshot): Term {
  const selects = labelMatcher(term.labelSelector);
  const namespaces = new Set(term.namespaces);
  const { namespaceSelector } = term;
  if (namespaces.size === 0 && !namespaceSelector) namespaces.add(owner.metadata.namespace ?? '');
  const selectsNamespace = namespaceSelector ? labelMatcher(namespaceSelector) : undefined;
  const selectsAll = namespaceSelector !== undefined && isEmptySelector(namespaceSelector);
  const own = owner.metadata.labels ?? {};
  const equal = (term.matchLabelKeys ?? []).filter((key) => own[key] !== undefined);
  const different = (term.mismatchLabelKeys ?? []).filter((key) => own[key] !== undefined);
  return {
    topologyKey: term.topologyKey,
    weight,
    matches({ metadata }) {
      const { labels = {}, namespace = '' } = metadata;
      if (!selects(labels)) return false;
      if (!equal.every((key) => labels[key] === own[key])) return false;
      if (!different.every((key) => labels[key] !== undefined && labels[key] !== own[key])) return false;
      return (
        namespaces.has(namespace) || selectsAll || selectsNamespace?.(snapshot.namespaceLabels(namespace)) === true
      );
    },
  };
}
