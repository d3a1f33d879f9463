import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#machinery/quantity.ts';
import type { Container, Pod } from '#machinery/types/core-v1.ts';

/** Amounts by resource name. */
export type Amounts = ReadonlyMap<string, Quantity>;

export function amountsOf(quantities: Readonly<Record<string, unknown>> | undefined): Amounts {
  return new Map(Object.entries(quantities ?? {}).map(([resource, text]) => [resource, parseQuantity(String(text))]));
}

/** Resources that a pod may name for all of its containers together. */
const POD_LEVEL = /^(cpu|memory|hugepages-.+)$/;

/**
 * What a pod's containers come to: the sum of those that run together, or the most that an init container needs beside
 * the sidecars started before it, whichever is more. What the pod says for itself takes the place of the sum.
 * Source: "Pod Lifecycle", resource sharing within containers; KEP-753, KEP-2837.
 */
export function podAmounts({ spec }: Pod, field: 'requests' | 'limits'): Amounts {
  const of = ({ resources }: Container) => amountsOf(resources?.[field]);
  let running = (spec.containers ?? []).map(of).reduce(sum, new Map());
  let sidecars: Amounts = new Map();
  let starting: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      running = sum(running, of(container));
      sidecars = sum(sidecars, of(container));
      starting = most(starting, sidecars);
    } else {
      starting = most(starting, sum(sidecars, of(container)));
    }
  }
  const own = [...amountsOf(spec.resources?.[field])].filter(([resource]) => POD_LEVEL.test(resource));
  return new Map([...most(running, starting), ...own]);
}

function sum(left: Amounts, right: Amounts): Amounts {
  const result = new Map(left);
  for (const [resource, amount] of right) {
    const before = result.get(resource);
    result.set(resource, before ? addQuantities(before, amount) : amount);
  }
  return result;
}

function most(left: Amounts, right: Amounts): Amounts {
  const result = new Map(left);
  for (const [resource, amount] of right) {
    const before = result.get(resource);
    if (!before || compareQuantities(amount, before) > 0) result.set(resource, amount);
  }
  return result;
}
