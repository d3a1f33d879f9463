import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';

/** Reads of the newest state, from memory, for authorization and admission. Objects are frozen. */
export interface Lister<T extends KubeObject> {
  get(name: string, namespace?: string): T | undefined;
  list(namespace?: string): readonly T[];
}

/** Gives the lister of a resource; the registry implements it. */
export type Listers = <T extends KubeObject>(resource: ResourceRef<T>) => Lister<T>;
