import { type Amounts, amountsOf, sum } from '#machinery/amounts.ts';
import { milliValue, parseQuantity, type Quantity, wholeValue } from '#machinery/quantity.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { podAmounts } from '#resources/core/pod/pod-amounts.ts';
import { qosClassOf } from '#resources/core/pod/qos.ts';
import { SYSTEM_PRIORITIES } from '#resources/scheduling/priority-class/priority-class.ts';

/** What pods ask for and may use, in the numbers that the kernel takes. */

/** Thousandths of a CPU, rounded up; 0 where there is none. */
export function milliCpu(quantity: string | undefined): number {
  return quantity === undefined ? 0 : Number(milliValue(parseQuantity(quantity)));
}

/** Rounded up; 0 where there is none. */
export function bytes(quantity: string | undefined): number {
  return quantity === undefined ? 0 : Number(wholeValue(parseQuantity(quantity)));
}

/** Requests and limits of the whole pod with the overhead of its runtime, as the kernel's accounting sees them. */
export interface KernelLimits {
  readonly requestMilliCpu: number;
  /** Undefined: without a limit. */
  readonly limitMilliCpu: number | undefined;
  readonly limitBytes: number | undefined;
}

export function kernelLimits(pod: Pod): KernelLimits {
  const requests = sum(podAmounts(pod.spec, 'requests'), amountsOf(pod.spec.overhead));
  const cpu = requests.get('cpu');
  const limits = podLimits(pod);
  const limitCpu = limits.get('cpu');
  const limitMemory = limits.get('memory');
  return {
    requestMilliCpu: cpu ? Number(milliValue(cpu)) : 0,
    limitMilliCpu: limitCpu && Number(milliValue(limitCpu)),
    limitBytes: limitMemory && Number(wholeValue(limitMemory)),
  };
}

/** Limits of the whole pod: of a resource only where the pod, or each of its containers, has one. */
export function podLimits({ spec }: Pod): ReadonlyMap<string, Quantity> {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const isLimited = (name: string) =>
    spec.resources?.limits?.[name] !== undefined ||
    containers.every(({ resources }) => resources?.limits?.[name] !== undefined);
  const own: Amounts = new Map([...podAmounts(spec, 'limits')].filter(([name]) => isLimited(name)));
  return sum(own, new Map([...amountsOf(spec.overhead)].filter(([name]) => own.has(name))));
}

/** cpu.shares of cgroup v1: 1024 for a CPU, never under 2. */
export function cpuShares(milli: number): number {
  return milli === 0 ? 2 : Math.min(Math.max(Math.floor((milli * 1024) / 1000), 2), 262_144);
}

/** cpu.weight of cgroup v2, by the mapping of KEP-2254. */
export function cpuWeight(milli: number): number {
  return Math.floor(1 + ((cpuShares(milli) - 2) * 9999) / 262_142);
}

export const CPU_PERIOD_US = 100_000;

/** cpu.cfs_quota_us for a limit; the kernel takes no less than a millisecond. */
export function cpuQuota(milli: number): number {
  return Math.max(Math.floor((milli * CPU_PERIOD_US) / 1000), 1000);
}

/** Source: "Node out of memory behavior". `memoryCapacity` is the node's, in bytes. */
export function oomScoreAdj(pod: Pod, requestBytes: number, memoryCapacity: number): number {
  if ((pod.spec.priority ?? 0) >= SYSTEM_PRIORITIES['system-node-critical']) return -997;
  switch (qosClassOf(pod.spec)) {
    case 'Guaranteed':
      return -997;
    case 'BestEffort':
      return 1000;
    case 'Burstable':
      return Math.min(Math.max(1000 - Math.floor((1000 * requestBytes) / memoryCapacity), 3), 999);
  }
}
