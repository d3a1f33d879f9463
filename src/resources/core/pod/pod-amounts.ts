import { type Amounts, amountsOf, most, sum } from '#machinery/amounts.ts';
import type { Container, PodSpec } from '#machinery/types/core-v1.ts';

type Kind = 'limits' | 'requests';

/** Whether a pod may name a resource for all of its containers together. Source: KEP-2837. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/**
 * What a pod's containers ask for together: those that run at once, or the init container that asks for most while it
 * runs beside the sidecars before it. Source: KEP-753.
 */
export function containerAmounts(spec: PodSpec, kind: Kind): Amounts {
  const of = ({ resources }: Container) => amountsOf(resources?.[kind]);
  let sidecars: Amounts = new Map();
  let initializing: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      sidecars = sum(sidecars, of(container));
      initializing = most(initializing, sidecars);
    } else initializing = most(initializing, sum(of(container), sidecars));
  }
  const running = (spec.containers ?? []).map(of).reduce(sum, new Map());
  return most(sum(running, sidecars), initializing);
}

/** The same, where what the pod says for itself takes the place of the sum. Without the overhead of its runtime. */
export function podAmounts(spec: PodSpec, kind: Kind): Amounts {
  const own = [...amountsOf(spec.resources?.[kind])].filter(([name]) => isPodLevelResource(name));
  return new Map([...containerAmounts(spec, kind), ...own]);
}
