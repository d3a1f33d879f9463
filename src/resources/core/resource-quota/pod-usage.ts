import { parseTime } from '#machinery/time.ts';
import { quantityOf } from '#machinery/quantity.ts';
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '#machinery/types/core-v1.ts';
import { podAmounts } from '../pod/pod-amounts.ts';
import { type Amounts, amountsOf, most, shownAmounts, sum } from '#machinery/amounts.ts';

const ONE = quantityOf(1);
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const HUGE_PAGES = 'hugepages-';
const REQUESTS = 'requests.';

/** Resources of which every container has to say how much it wants, where a quota limits them. */
const DEMANDED = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

const NAMES = new Set([
  'pods',
  'count/pods',
  ...COMPUTE.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);

export function isPodResource(name: string): boolean {
  if (NAMES.has(name) || name.startsWith(HUGE_PAGES) || name.startsWith(`${REQUESTS}${HUGE_PAGES}`)) return true;
  return name.startsWith(REQUESTS) && isExtended(name);
}

/** Resources of somebody else's domain: devices. */
function isExtended(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/');
}

/** What a pod is charged: a finished one only where objects are counted. Source: "Resource Quotas". */
export function podUsage(pod: Pod, now: number): Amounts {
  const counted = new Map([['count/pods', ONE]]);
  if (!isRunning(pod, now)) return counted;
  const computed = quotaNames({ requests: podTotal(pod, 'requests'), limits: podTotal(pod, 'limits') });
  return new Map([...counted, ['pods', ONE], ...computed]);
}

function isRunning({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata;
  const deleted = parseTime(deletionTimestamp);
  if (deleted === undefined || grace === undefined) return true;
  // a node that does not answer must not keep a namespace from using its quota
  return now <= deleted + Number(grace) * 1000;
}

interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function quotaNames({ requests, limits }: Usage): Amounts {
  const usage = new Map<string, typeof ONE>();
  for (const [name, amount] of requests) {
    if (COMPUTE.includes(name) || name.startsWith(HUGE_PAGES))
      usage.set(name, amount).set(`${REQUESTS}${name}`, amount);
    else if (isExtended(name)) usage.set(`${REQUESTS}${name}`, amount);
  }
  for (const [name, amount] of limits) if (COMPUTE.includes(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

/** Containers, what the pod says for itself, and the overhead of its runtime. Source: KEP-753, KEP-2837, KEP-688. */
function podTotal({ spec, status }: Pod, kind: 'requests' | 'limits'): Amounts {
  const statuses = new Map(
    [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((one) => [one.name, one]),
  );
  const resized = (container: Container) => withAllocated(container, statuses.get(container.name), kind);
  const total = podAmounts(
    {
      ...spec,
      containers: (spec.containers ?? []).map(resized),
      initContainers: (spec.initContainers ?? []).map(resized),
    },
    kind,
  );
  const overhead = amountsOf(spec.overhead);
  if (kind === 'requests') return sum(total, overhead);
  return sum(total, new Map([...overhead].filter(([name]) => total.has(name))));
}

/** A container that is being resized counts with the most of what it asks for and what it has. Source: KEP-1287. */
function withAllocated(
  container: Container,
  status: ContainerStatus | undefined,
  kind: 'requests' | 'limits',
): Container {
  const actual = amountsOf(status?.resources?.[kind]);
  const allocated = kind === 'requests' ? amountsOf(status?.allocatedResources) : actual;
  if (actual.size === 0 && allocated.size === 0) return container;
  const wanted = amountsOf(container.resources?.[kind]);
  const known = new Map([...most(actual, allocated)].filter(([name]) => wanted.has(name)));
  return { ...container, resources: { ...container.resources, [kind]: shownAmounts(most(wanted, known)) } };
}

/** Says which of the resources that a quota limits a new pod leaves open; undefined where it names all. */
export function missingFrom({ spec }: Pod, limited: readonly string[]): string | undefined {
  const ofPod = quotaNames(usageOf(spec.resources));
  const demanded = limited.filter((name) => DEMANDED.has(name) && !ofPod.has(name)).sort();
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const missing = demanded.flatMap((name) => {
    const without = containers.filter(({ resources }) => !quotaNames(usageOf(resources)).has(name));
    return without.length > 0
      ? [
          `${name} for: ${without
            .map((one) => one.name)
            .sort()
            .join(',')}`,
        ]
      : [];
  });
  return missing.length > 0 ? `must specify ${missing.join('; ')}` : undefined;
}

function usageOf(resources: ResourceRequirements | undefined): Usage {
  return { requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) };
}
