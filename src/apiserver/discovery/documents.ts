import type { DiscoveryDocument } from './encode.ts';
import type { DiscoveredResource, DiscoveredSubresource, ServedGroup, ServedVersion } from './model.ts';
import { groupVersion } from './model.ts';

/** The bodies of discovery, member by member as upstream writes them (some lack their apiVersion). */

/** `/api`. Clients outside every named range are told to use this address. */
export function apiVersions(groups: readonly ServedGroup[], serverAddress: string): DiscoveryDocument {
  const core = groups.find(({ name }) => name === '');
  return {
    kind: 'APIVersions',
    versions: core?.versions.map(({ version }) => version) ?? [],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`. */
export function apiGroupList(groups: readonly ServedGroup[]): DiscoveryDocument {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter(({ name }) => name !== '').map(groupMembers) };
}

/** `/apis/<group>`. */
export function apiGroup(group: ServedGroup): DiscoveryDocument {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupMembers(group) };
}

function groupMembers({ name, versions }: ServedGroup): object {
  const shown = versions.map(({ version }) => ({ groupVersion: groupVersion(name, version), version }));
  return { name, versions: shown, preferredVersion: shown[0] };
}

/** `/api/v1` and `/apis/<group>/<version>`. */
export function apiResourceList(group: string, { version, resources }: ServedVersion): DiscoveryDocument {
  return {
    kind: 'APIResourceList',
    ...(group ? { apiVersion: 'v1' } : {}),
    groupVersion: groupVersion(group, version),
    resources: resources.flatMap((resource) => [
      listedResource(resource),
      ...resource.subresources.map((subresource) => listedSubresource(group, version, resource, subresource)),
    ]),
  };
}

function listedResource(resource: DiscoveredResource): object {
  return {
    name: resource.name,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
    ...(resource.storageVersionHash ? { storageVersionHash: resource.storageVersionHash } : {}),
  };
}

function listedSubresource(
  group: string,
  version: string,
  parent: DiscoveredResource,
  { name, verbs, body }: DiscoveredSubresource,
): object {
  const foreign = body[0] !== group || body[1] !== version;
  return {
    name: `${parent.name}/${name}`,
    singularName: '',
    namespaced: parent.namespaced,
    ...(foreign ? { group: body[0], version: body[1] } : {}),
    kind: body[2],
    verbs,
  };
}

/** `/api` (core alone) and `/apis` (all others) in the aggregated form. Source: KEP-3352. */
export function aggregatedGroups(groups: readonly ServedGroup[], version: 'v2' | 'v2beta1'): DiscoveryDocument {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name ? { name } : {},
      versions: versions.map((served) => ({
        version: served.version,
        resources: served.resources.map((resource) => discoveredResource(name, served.version, resource)),
        freshness: 'Current',
      })),
    })),
  };
}

function discoveredResource(group: string, version: string, resource: DiscoveredResource): object {
  return {
    resource: resource.name,
    responseKind: { group: '', version: '', kind: resource.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
    ...(resource.subresources.length > 0
      ? { subresources: resource.subresources.map((subresource) => discoveredSubresource(group, version, subresource)) }
      : {}),
  };
}

function discoveredSubresource(group: string, version: string, { name, verbs, body }: DiscoveredSubresource): object {
  const foreign = body[0] !== group || body[1] !== version;
  return {
    subresource: name,
    responseKind: { group: foreign ? body[0] : '', version: foreign ? body[1] : '', kind: body[2] },
    verbs,
  };
}
