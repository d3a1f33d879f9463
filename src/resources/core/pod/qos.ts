import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#machinery/quantity.ts';
import type { PodSpec, ResourceRequirements } from '#machinery/types/core-v1.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'];

interface Totals {
  readonly requests: ReadonlyMap<string, Quantity>;
  readonly limits: ReadonlyMap<string, Quantity>;
  /** Every part has a limit of every counted resource. */
  readonly allLimited: boolean;
}

/** How a pod is treated where its node runs short. Source: "Pod Quality of Service Classes". */
export function qosClassOf(spec: PodSpec): QosClass {
  const { requests, limits, allLimited } = totalsOf(spec);
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  if (!allLimited) return 'Burstable';
  for (const [name, request] of requests) {
    const limit = limits.get(name);
    if (!limit || compareQuantities(limit, request) !== 0) return 'Burstable';
  }
  return requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}

function totalsOf(spec: PodSpec): Totals {
  const parts = hasPodLevel(spec.resources)
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ resources }) => resources);
  return {
    requests: sumOf(parts.map((part) => part?.requests)),
    limits: sumOf(parts.map((part) => part?.limits)),
    allLimited: parts.every((part) => COUNTED.every((name) => parseQuantity(part?.limits?.[name] ?? '0').nanos > 0n)),
  };
}

function hasPodLevel(resources: ResourceRequirements | undefined): boolean {
  return [resources?.requests, resources?.limits].some((list) =>
    Object.keys(list ?? {}).some((name) => COUNTED.includes(name) || name.startsWith('hugepages-')),
  );
}

function sumOf(lists: readonly (Readonly<Record<string, string>> | undefined)[]): Map<string, Quantity> {
  const sums = new Map<string, Quantity>();
  for (const list of lists) {
    for (const [name, text] of Object.entries(list ?? {})) {
      const quantity = parseQuantity(text);
      if (!COUNTED.includes(name) || quantity.nanos <= 0n) continue;
      const sum = sums.get(name);
      sums.set(name, sum ? addQuantities(sum, quantity) : quantity);
    }
  }
  return sums;
}
