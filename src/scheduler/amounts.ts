import { amountsOf as quantitiesOf, sum } from '#machinery/amounts.ts';
import { milliValue, parseQuantity, type Quantity, wholeValue } from '#machinery/quantity.ts';
import type { Container, Pod, PodSpec } from '#machinery/types/core-v1.ts';
import { podAmounts } from '#resources/core/pod/pod-amounts.ts';

/** Amounts by resource name: `cpu` in thousandths of a core, everything else in units (bytes, counts). */
export type Amounts = Readonly<Record<string, number>>;

/** What a container that requests nothing is taken to need when nodes are compared. Upstream's numbers. */
const ASSUMED = { cpu: '100m', memory: '200Mi' };

/** A quantity as a number, rounded up to a thousandth for `cpu` and to a unit otherwise. */
export function amountOf(resource: string, quantity: string): number {
  return rounded(resource, parseQuantity(quantity));
}

export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  if (!quantities) return {};
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, amountOf(name, quantity)]));
}

function rounded(resource: string, quantity: Quantity): number {
  return Number(resource === 'cpu' ? milliValue(quantity) : wholeValue(quantity));
}

export interface PodRequests {
  readonly requests: Amounts;
  /** The same with assumed cpu and memory where containers request none. For comparing nodes. */
  readonly nonZero: { readonly cpu: number; readonly memory: number };
}

/**
 * What a pod needs of a node: the containers together with the sidecars, or the largest moment of initialization,
 * whichever is more, plus overhead; pod-level requests stand for the sum where given. Source: KEP-753, KEP-2837.
 */
export function podRequests(pod: Pod): PodRequests {
  const known = cached.get(pod.spec);
  if (known) return known;
  const result = { requests: total(pod.spec), nonZero: nonZero(pod) };
  cached.set(pod.spec, result);
  return result;
}

const cached = new WeakMap<Pod['spec'], PodRequests>();

function nonZero({ spec }: Pod): PodRequests['nonZero'] {
  const assumed = (container: Container) => ({
    ...container,
    resources: { ...container.resources, requests: { ...ASSUMED, ...container.resources?.requests } },
  });
  const { cpu = 0, memory = 0 } = total({
    ...spec,
    containers: (spec.containers ?? []).map(assumed),
    initContainers: (spec.initContainers ?? []).map(assumed),
  });
  return { cpu, memory };
}

function total(spec: PodSpec): Amounts {
  const requests = sum(podAmounts(spec, 'requests'), quantitiesOf(spec.overhead));
  return Object.fromEntries([...requests].map(([name, quantity]) => [name, rounded(name, quantity)]));
}
