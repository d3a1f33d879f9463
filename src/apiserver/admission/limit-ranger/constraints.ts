import { type Amounts, amountsOf } from '#machinery/amounts.ts';
import {
  approximateValue,
  canonicalQuantity,
  compareQuantities,
  parseQuantity,
  type Quantity,
  showQuantity,
} from '#machinery/quantity.ts';
import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod } from '#machinery/types/core-v1.ts';
import { podAmounts } from '#resources/core/pod/pod-amounts.ts';

/** What somebody asks for and the most that they may use, by resource. */
interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

/** What is outside of `limit`, in upstream's words. */
export function checkContainer(limit: LimitRangeItem, { resources }: Container): readonly string[] {
  return checkUsage(limit, { requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) });
}

/** The same for all containers of a pod together, or what the pod says for itself. */
export function checkPod(limit: LimitRangeItem, { spec }: Pod): readonly string[] {
  return checkUsage(limit, { requests: podAmounts(spec, 'requests'), limits: podAmounts(spec, 'limits') });
}

/** Claims have requests alone. */
export function checkClaim(limit: LimitRangeItem, claim: PersistentVolumeClaim): readonly string[] {
  const requests = amountsOf(claim.spec.resources?.requests);
  const { type } = limit;
  return [
    ...bounds(limit.min).flatMap(([resource, least, shown]) => {
      const start = `minimum ${resource} usage per ${type} is ${shown}`;
      const request = requests.get(resource);
      if (!request) return [`${start}.  No request is specified`];
      return compareQuantities(request, least) < 0 ? [`${start}, but request is ${claimShows(claim, resource)}`] : [];
    }),
    ...bounds(limit.max).flatMap(([resource, most, shown]) => {
      const start = `maximum ${resource} usage per ${type} is ${shown}`;
      const request = requests.get(resource);
      if (!request) return [`${start}.  No request is specified`];
      return compareQuantities(request, most) > 0 ? [`${start}, but request is ${claimShows(claim, resource)}`] : [];
    }),
  ];
}

function claimShows({ spec }: PersistentVolumeClaim, resource: string): string {
  return canonicalQuantity(String(spec.resources?.requests?.[resource]));
}

function checkUsage(limit: LimitRangeItem, usage: Usage): readonly string[] {
  return [...belowMinimum(limit, usage), ...aboveMaximum(limit, usage), ...aboveRatio(limit, usage)];
}

function belowMinimum({ type, min }: LimitRangeItem, { requests, limits }: Usage): readonly string[] {
  return bounds(min).flatMap(([resource, least, shown]) => {
    const start = `minimum ${resource} usage per ${type} is ${shown}`;
    const request = requests.get(resource);
    const limit = limits.get(resource);
    if (!request) return [`${start}.  No request is specified`];
    if (compareQuantities(request, least) < 0) return [`${start}, but request is ${showQuantity(request)}`];
    return limit && compareQuantities(limit, least) < 0 ? [`${start}, but limit is ${showQuantity(limit)}`] : [];
  });
}

function aboveMaximum({ type, max }: LimitRangeItem, { requests, limits }: Usage): readonly string[] {
  return bounds(max).flatMap(([resource, most, shown]) => {
    const start = `maximum ${resource} usage per ${type} is ${shown}`;
    const request = requests.get(resource);
    const limit = limits.get(resource);
    if (!limit) return [`${start}.  No limit is specified`];
    if (compareQuantities(limit, most) > 0) return [`${start}, but limit is ${showQuantity(limit)}`];
    return request && compareQuantities(request, most) > 0 ? [`${start}, but request is ${showQuantity(request)}`] : [];
  });
}

function aboveRatio({ type, maxLimitRequestRatio }: LimitRangeItem, { requests, limits }: Usage): readonly string[] {
  return bounds(maxLimitRequestRatio).flatMap(([resource, most, shown]) => {
    const start = `${resource} max limit to request ratio per ${type} is ${shown}`;
    const request = requests.get(resource);
    const limit = limits.get(resource);
    if (!request?.nanos) return [`${start}, but no request is specified or request is 0`];
    if (!limit?.nanos) return [`${start}, but no limit is specified or limit is 0`];
    const ratio = approximateValue(limit) / approximateValue(request);
    return ratio > approximateValue(most) ? [`${start}, but provided ratio is ${ratio.toFixed(6)}`] : [];
  });
}

/** Resource, bound, and the bound as it is shown; in the order of the names. */
function bounds(quantities: LimitRangeItem['min']): readonly (readonly [string, Quantity, string])[] {
  return Object.entries(quantities ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([resource, text]) => [resource, parseQuantity(String(text)), canonicalQuantity(String(text))]);
}
