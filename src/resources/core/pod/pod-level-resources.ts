import type { Draft } from '#machinery/object.ts';
import { showQuantity } from '#machinery/quantity.ts';
import type { PodSpec } from '#machinery/types/core-v1.ts';
import { containerAmounts, isPodLevelResource } from './pod-amounts.ts';

/** Requests of the pod default to what its containers ask for, then to its own limits. Source: KEP-2837. */
export function defaultPodLevelResources(spec: Draft<PodSpec>): void {
  const { resources } = spec;
  if (!resources || (!resources.limits && !resources.requests)) return;
  for (const [name, amount] of containerAmounts(spec, 'limits')) {
    if (!name.startsWith('hugepages-') || resources.limits?.[name] !== undefined) continue;
    resources.limits = { ...resources.limits, [name]: showQuantity(amount) };
  }
  const requests = { ...resources.requests };
  for (const [name, amount] of containerAmounts(spec, 'requests')) {
    if (name === 'cpu' || name === 'memory') requests[name] ??= showQuantity(amount);
  }
  for (const [name, limit] of Object.entries(resources.limits ?? {})) {
    if (isPodLevelResource(name)) requests[name] ??= limit;
  }
  if (Object.keys(requests).length > 0) resources.requests = requests;
}
