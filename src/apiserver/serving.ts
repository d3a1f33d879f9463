import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { servedByDefault } from './discovery/model.ts';
import type { ApiServerOptions } from './options.ts';
import type { Catalog } from './registry/catalog.ts';
import type { Handlers } from './registry/handlers.ts';
import type { RegistryParts } from './registry/registry.ts';
import type { Routes } from './operations/routes.ts';
import { apiVersionOf } from './registry/versions.ts';

/** Whether a version of a resource is served. */
export type IsServed = (group: string, version: string, plural: string) => boolean;

/** Stable versions, and what --runtime-config turns on or off. */
export function servedBy({ runtimeConfig = {} }: ApiServerOptions): IsServed {
  return (group, version) => runtimeConfig[apiVersionOf(group, version)] ?? servedByDefault(group, version);
}

export function servedVersions({ group, plural, versions }: ResourceDefinition, isServed: IsServed) {
  return versions.filter(({ version, served }) => served && isServed(group, version, plural));
}

interface RouteSources {
  readonly definitions: readonly ResourceDefinition[];
  readonly isServed: IsServed;
  readonly catalog: Catalog;
  readonly registry: RegistryParts;
  readonly handlers: Handlers;
}

/** Every served version of every definition, and what is served beside stored objects. */
export function addRoutes(routes: Routes, { definitions, isServed, catalog, registry, handlers }: RouteSources): void {
  for (const definition of definitions) {
    const { group, plural } = definition;
    const storage = catalog.find(definition);
    if (!storage) continue;
    const isOwn = (one: { readonly group: string; readonly resource: string }) =>
      one.group === group && one.resource === plural;
    for (const version of servedVersions(definition, isServed)) {
      routes.add({
        group,
        version: version.version,
        plural,
        served: {
          definition,
          version,
          apiVersion: apiVersionOf(group, version.version),
          groupResource: { group, resource: plural },
          storage,
          registry,
        },
        virtual: undefined,
        handlers: handlers.subresources.filter(isOwn),
        connects: handlers.connects.filter(isOwn),
      });
    }
  }
  for (const virtual of handlers.virtual) {
    const { group, version, plural } = virtual;
    routes.add({ group, version, plural, served: undefined, virtual, handlers: [], connects: [] });
  }
}
