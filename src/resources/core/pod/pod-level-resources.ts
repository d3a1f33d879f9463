import type { Draft } from '#machinery/object.ts';
import { addQuantities, compareQuantities, parseQuantity, type Quantity, showQuantity } from '#machinery/quantity.ts';
import type { Container, PodSpec } from '#machinery/types/core-v1.ts';

type Amounts = ReadonlyMap<string, Quantity>;
type Kind = 'limits' | 'requests';

function amountsOf(container: Container, kind: Kind): Amounts {
  return new Map(Object.entries(container.resources?.[kind] ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

function sum(a: Amounts, b: Amounts): Amounts {
  const total = new Map(a);
  for (const [name, amount] of b) {
    const before = total.get(name);
    total.set(name, before ? addQuantities(before, amount) : amount);
  }
  return total;
}

function most(a: Amounts, b: Amounts): Amounts {
  const highest = new Map(a);
  for (const [name, amount] of b) {
    const before = highest.get(name);
    if (!before || compareQuantities(amount, before) > 0) highest.set(name, amount);
  }
  return highest;
}

/**
 * What a pod's containers ask for together: those that run at once, or the init container that asks for most while it
 * runs beside the sidecars before it. Source: KEP-753.
 */
export function aggregate(spec: PodSpec, kind: Kind): Amounts {
  let running: Amounts = new Map();
  for (const container of spec.containers ?? []) running = sum(running, amountsOf(container, kind));
  let sidecars: Amounts = new Map();
  let initializing: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container, kind);
    if (container.restartPolicy === 'Always') {
      sidecars = sum(sidecars, own);
      initializing = most(initializing, sidecars);
    } else initializing = most(initializing, sum(own, sidecars));
  }
  return most(sum(running, sidecars), initializing);
}

function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/** Requests of the pod default to what its containers ask for, then to its own limits. Source: KEP-2837. */
export function defaultPodLevelResources(spec: Draft<PodSpec>): void {
  const { resources } = spec;
  if (!resources || (!resources.limits && !resources.requests)) return;
  for (const [name, amount] of aggregate(spec, 'limits')) {
    if (!name.startsWith('hugepages-') || resources.limits?.[name] !== undefined) continue;
    resources.limits = { ...resources.limits, [name]: showQuantity(amount) };
  }
  const requests = { ...resources.requests };
  for (const [name, amount] of aggregate(spec, 'requests')) {
    if (name === 'cpu' || name === 'memory') requests[name] ??= showQuantity(amount);
  }
  for (const [name, limit] of Object.entries(resources.limits ?? {})) {
    if (isPodLevelResource(name)) requests[name] ??= limit;
  }
  if (Object.keys(requests).length > 0) resources.requests = requests;
}
