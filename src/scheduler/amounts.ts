import { milliValue, parseQuantity, wholeValue } from '#machinery/quantity.ts';
import type { Pod } from '#machinery/types/core-v1.ts';

type Quantities = Readonly<Record<string, string>>;

/** Amounts by resource name: `cpu` in thousandths of a core, everything else in units (bytes, counts). */
export type Amounts = Readonly<Record<string, number>>;

/** What a container that requests nothing is taken to need when nodes are compared. Upstream's numbers. */
const ASSUMED_MILLI_CPU = 100;
const ASSUMED_MEMORY_BYTES = 200 * 1024 * 1024;

/** A quantity as a number, rounded up to a thousandth for `cpu` and to a unit otherwise. */
export function amountOf(resource: string, quantity: string): number {
  const parsed = parseQuantity(quantity);
  return Number(resource === 'cpu' ? milliValue(parsed) : wholeValue(parsed));
}

export function amountsOf(quantities: Quantities | undefined): Amounts {
  if (!quantities) return {};
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, amountOf(name, quantity)]));
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
  const result = { requests: total(pod, false), nonZero: nonZero(pod) };
  cached.set(pod.spec, result);
  return result;
}

const cached = new WeakMap<Pod['spec'], PodRequests>();

function nonZero(pod: Pod): PodRequests['nonZero'] {
  const { cpu = 0, memory = 0 } = total(pod, true);
  return { cpu, memory };
}

function total({ spec }: Pod, assumeRequests: boolean): Amounts {
  const requestsOf = (container: { readonly resources?: { readonly requests?: Quantities } }) => {
    const requests = amountsOf(container.resources?.requests);
    return assumeRequests ? { cpu: ASSUMED_MILLI_CPU, memory: ASSUMED_MEMORY_BYTES, ...requests } : requests;
  };
  let containers: Amounts = {};
  for (const container of spec.containers ?? []) containers = add(containers, requestsOf(container));
  let sidecars: Amounts = {};
  let initial: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = add(sidecars, requests);
      initial = most(initial, sidecars);
    } else {
      initial = most(initial, add(sidecars, requests));
    }
  }
  const sum = most(add(containers, sidecars), initial);
  return add({ ...sum, ...amountsOf(spec.resources?.requests) }, amountsOf(spec.overhead));
}

export function add(a: Amounts, b: Amounts): Amounts {
  const sum: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount;
  return sum;
}

function most(a: Amounts, b: Amounts): Amounts {
  const result: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) result[name] = Math.max(result[name] ?? 0, amount);
  return result;
}
