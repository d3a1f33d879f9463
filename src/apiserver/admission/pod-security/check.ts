import type { Container, EphemeralContainer, Pod } from '#machinery/types/core-v1.ts';
import { everyContainer } from '../pod-request.ts';

/** The version of the standards that first takes user namespaces into account. */
const OWN_USERS_SINCE = 35;

export type AnyContainer = Container | EphemeralContainer;

/** What a level forbids. Source: Kubernetes documentation, "Pod Security Standards". */
export interface Check {
  readonly level: 'baseline' | 'restricted';
  /** The first minor version whose level has it. */
  readonly since: number;
  /** Title of the violation, as messages show it. */
  readonly reason: string;
  /** Where this one is looked at, that one need not be: it forbids less. */
  readonly overrides?: string;
  /** Says what is wrong; undefined where nothing is. `minor` is the version of the level, Infinity for the latest. */
  violation(pod: Pod, minor: number): string | undefined;
}

/** `container "a"`, `containers "a", "b"`: those of all kinds that `fails` is true of; undefined where there are none. */
export function failing(pod: Pod, fails: (container: AnyContainer) => boolean): string | undefined {
  const names = everyContainer(pod.spec)
    .filter(({ container }) => fails(container))
    .map(({ container }) => container.name);
  return names.length > 0 ? `${names.length > 1 ? 'containers' : 'container'} ${quoted(names)}` : undefined;
}

/** `"a", "b"`, each once. */
export function quoted(values: readonly string[]): string {
  return [...new Set(values)].map((value) => JSON.stringify(value)).join(', ');
}

/** The values that `valuesOf` gives for any container, each once and sorted. */
export function gathered(pod: Pod, valuesOf: (container: AnyContainer) => readonly string[]): readonly string[] {
  return [...new Set(everyContainer(pod.spec).flatMap(({ container }) => valuesOf(container)))].sort();
}

export function isWindows({ spec }: Pod): boolean {
  return spec.os?.name === 'windows';
}

/** Whether root inside the pod is nobody outside, so that being root is no harm. Source: KEP-127. */
export function hasOwnUsers({ spec }: Pod, minor: number): boolean {
  return spec.hostUsers === false && minor >= OWN_USERS_SINCE;
}

/** Joins what is there; undefined where nothing is. */
export function details(...parts: readonly (string | undefined | false)[]): string | undefined {
  const there = parts.filter((part): part is string => Boolean(part));
  return there.length > 0 ? there.join('; ') : undefined;
}
