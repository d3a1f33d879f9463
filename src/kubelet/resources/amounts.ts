import type { Pod, ResourceRequirements } from '#machinery/types/core-v1.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A quantity as a number, for the kernel's knobs: exact up to 2^53. Zero where there is none. */
export function amount(quantity: string | number | undefined): number {
  if (quantity === undefined) return 0;
  const match = /^([+-]?[0-9.]+)(?:[eE]([+-]?[0-9]+)|([a-zA-Z]*))$/.exec(String(quantity));
  if (!match) return 0;
  const scale = match[2] === undefined ? (SUFFIXES[match[3] ?? ''] ?? 0) : 10 ** Number(match[2]);
  return Number(match[1]) * scale;
}

export function milliCpu(quantity: string | number | undefined): number {
  return Math.ceil(amount(quantity) * 1000 - 1e-9);
}

export function bytes(quantity: string | number | undefined): number {
  return Math.ceil(amount(quantity));
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Source: "Pod Quality of Service Classes". Pod-level resources, where given, decide alone. */
export function qosClass(pod: Pod): QosClass {
  const spec = pod.spec;
  const sets: readonly ResourceRequirements[] = hasAny(spec.resources)
    ? [spec.resources ?? {}]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources);
  const given = sets.some(hasAny);
  if (!given) return 'BestEffort';
  const guaranteed = sets.every((set) =>
    ['cpu', 'memory'].every((resource) => {
      const limit = amount(set.limits?.[resource]);
      return limit > 0 && amount(set.requests?.[resource] ?? set.limits?.[resource]) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function hasAny(set: ResourceRequirements | undefined): boolean {
  return ['cpu', 'memory'].some(
    (resource) => amount(set?.requests?.[resource]) > 0 || amount(set?.limits?.[resource]) > 0,
  );
}

/** Requests and limits of the whole pod, as the kernel's accounting sees them: zero where there is none. */
export interface PodAmounts {
  readonly requestMilliCpu: number;
  readonly requestBytes: number;
  /** Undefined: without a limit. */
  readonly limitMilliCpu: number | undefined;
  readonly limitBytes: number | undefined;
}

/** What a pod may use: the sum of its containers, or its largest init container with the sidecars before it. */
export function podAmounts(pod: Pod): PodAmounts {
  return {
    requestMilliCpu: podSum(pod, 'requests', 'cpu', milliCpu) ?? 0,
    requestBytes: podSum(pod, 'requests', 'memory', bytes) ?? 0,
    limitMilliCpu: podSum(pod, 'limits', 'cpu', milliCpu),
    limitBytes: podSum(pod, 'limits', 'memory', bytes),
  };
}

function podSum(
  pod: Pod,
  side: 'requests' | 'limits',
  resource: string,
  read: (quantity: string | undefined) => number,
): number | undefined {
  const overhead = read(pod.spec.overhead?.[resource]);
  const own = pod.spec.resources?.[side]?.[resource];
  if (own !== undefined) return read(own) + overhead;
  let unlimited = false;
  const of = (container: { readonly resources: ResourceRequirements }) => {
    const value = container.resources[side]?.[resource];
    if (value === undefined && side === 'limits') unlimited = true;
    return read(value ?? (side === 'requests' ? container.resources.limits?.[resource] : undefined));
  };
  let sidecars = 0;
  let largestInit = 0;
  for (const init of pod.spec.initContainers ?? []) {
    if (init.restartPolicy === 'Always') sidecars += of(init);
    largestInit = Math.max(largestInit, init.restartPolicy === 'Always' ? sidecars : sidecars + of(init));
  }
  const main = (pod.spec.containers ?? []).reduce((sum, container) => sum + of(container), 0);
  return unlimited ? undefined : Math.max(main + sidecars, largestInit) + overhead;
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
  if ((pod.spec.priority ?? 0) >= SYSTEM_NODE_CRITICAL) return -997;
  switch (qosClass(pod)) {
    case 'Guaranteed':
      return -997;
    case 'BestEffort':
      return 1000;
    case 'Burstable':
      return Math.min(Math.max(1000 - Math.floor((1000 * requestBytes) / memoryCapacity), 3), 999);
  }
}

/** Priority of the class system-node-critical. */
const SYSTEM_NODE_CRITICAL = 2_000_001_000;
