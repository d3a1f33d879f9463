import type { KubeObject } from '#machinery/object.ts';
import type { Listers } from './listers.ts';

/** Listers over objects that are given, for tests and for questions about a made-up cluster. The list is read anew each time. */
export function fixedListers(objects: readonly KubeObject[]): Listers {
  return ((resource: { kind: string; group: string }) => {
    const own = () =>
      objects.filter(
        ({ kind, apiVersion }) =>
          kind === resource.kind && (apiVersion.includes('/') ? apiVersion.split('/')[0] : '') === resource.group,
      );
    return {
      get: (name: string, namespace?: string) =>
        own().find(({ metadata }) => metadata.name === name && (metadata.namespace ?? '') === (namespace ?? '')),
      list: (namespace?: string) => own().filter(({ metadata }) => !namespace || metadata.namespace === namespace),
    };
  }) as Listers;
}
