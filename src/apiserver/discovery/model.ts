import { createHash } from 'node:crypto';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { builtinResources } from '#machinery/schema/facts.ts';
import { compareGroups, compareVersions } from './order.ts';

/** What a server serves, as discovery shows it and as OpenAPI describes it: groups and versions in upstream's order. */
export interface ServedGroup {
  /** '' for core. */
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly ServedVersion[];
}

export interface ServedVersion {
  readonly version: string;
  /** By name. */
  readonly resources: readonly DiscoveredResource[];
}

export interface DiscoveredResource {
  readonly name: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Tells clients when the version in the store changes; absent for what is not stored. */
  readonly storageVersionHash?: string;
  readonly subresources: readonly DiscoveredSubresource[];
  /** The definition behind it; absent for what stores nothing. */
  readonly definition?: ResourceDefinition;
}

export interface DiscoveredSubresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** Group, version and kind of the body. */
  readonly body: readonly [string, string, string];
}

/** Whether a version of a resource is served; by default stable versions, and whatever custom resources serve. */
export type IsServed = (group: string, version: string, plural: string) => boolean;

export function servedByDefault(group: string, version: string): boolean {
  return /^v\d+$/.test(version) || !isBuiltin(group, version);
}

/** `v1` for core. */
export function groupVersion(group: string, version: string): string {
  return group ? `${group}/${version}` : version;
}

/**
 * Gathers what is served: every served version of every definition, and the resources of the fact tables that store
 * nothing (reviews, bindings, component statuses).
 */
export function gatherServed(
  definitions: readonly ResourceDefinition[],
  isServed: IsServed = servedByDefault,
): readonly ServedGroup[] {
  const found = new Map<string, Map<string, Map<string, DiscoveredResource>>>();
  const add = (group: string, version: string, resource: DiscoveredResource) => {
    const versions = found.getOrInsertComputed(group, () => new Map());
    versions.getOrInsertComputed(version, () => new Map()).set(resource.name, resource);
  };
  for (const definition of definitions) {
    for (const { version, served } of definition.versions) {
      if (!served || !isServed(definition.group, version, definition.plural)) continue;
      add(definition.group, version, storedResource(definition, version, definitions));
    }
  }
  const stored = new Set(definitions.map(({ group, plural }) => `${group}/${plural}`));
  for (const [key, resources] of Object.entries(builtinResources())) {
    const [version = '', group = ''] = key.split('/').reverse();
    for (const name of Object.keys(resources)) {
      if (name.includes('/') || stored.has(`${group}/${name}`) || !isServed(group, version, name)) continue;
      const resource = unstoredResource(group, version, name);
      if (resource) add(group, version, resource);
    }
  }
  return [...found]
    .sort(([a], [b]) => compareGroups(a, b))
    .map(([name, versions]) => ({
      name,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, resources]) => ({
          version,
          resources: [...resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
        })),
    }));
}

function storedResource(
  definition: ResourceDefinition,
  version: string,
  definitions: readonly ResourceDefinition[],
): DiscoveredResource {
  const { group, plural, singular, kind, namespaced, shortNames, categories } = definition;
  const storage = storageOf(definition, definitions);
  return {
    name: plural,
    singular,
    kind,
    namespaced,
    verbs: [...definition.verbs].sort(),
    shortNames,
    categories,
    storageVersionHash: storageVersionHash(storage),
    subresources: builtinSubresources(group, version, plural) ?? declaredSubresources(definition, version),
    definition,
  };
}

/** Two groups may share one storage; `sharesStorageWith` names the other one's plural and group. */
function storageOf(definition: ResourceDefinition, definitions: readonly ResourceDefinition[]): ResourceDefinition {
  if (definition.sharesStorageWith === undefined) return definition;
  const others = definitions.filter((other) => other !== definition && other.sharesStorageWith === undefined);
  return (
    others.find(({ group, plural, storagePath }) =>
      [plural, `${plural}.${group}`, `${group}/${plural}`, storagePath].includes(definition.sharesStorageWith ?? ''),
    ) ?? definition
  );
}

/** Versions in which upstream stores what Dhow stores in v1: clients compare the hash with nothing but itself. */
const UPSTREAM_STORES: Readonly<Record<string, string>> = {
  CustomResourceDefinition: 'v1beta1',
  MutatingAdmissionPolicy: 'v1beta1',
  MutatingAdmissionPolicyBinding: 'v1beta1',
};

function storageVersionHash({ group, storageVersion, kind }: ResourceDefinition): string {
  const version = isBuiltin(group, storageVersion) ? (UPSTREAM_STORES[kind] ?? storageVersion) : storageVersion;
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

function isBuiltin(group: string, version: string): boolean {
  return groupVersion(group, version) in builtinResources();
}

const STATUS_VERBS = ['get', 'patch', 'update'];

function declaredSubresources(definition: ResourceDefinition, version: string): readonly DiscoveredSubresource[] {
  const { group, kind, subresources } = definition;
  const own: [string, string, string] = [group, version, kind];
  const result: DiscoveredSubresource[] = [];
  if (subresources.status) result.push({ name: 'status', verbs: STATUS_VERBS, body: own });
  if (subresources.scale) result.push({ name: 'scale', verbs: STATUS_VERBS, body: ['autoscaling', 'v1', 'Scale'] });
  for (const name of Object.keys(subresources.others ?? {})) result.push({ name, verbs: STATUS_VERBS, body: own });
  return result.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The subresources that the fact tables have for a built-in resource; undefined for others. */
function builtinSubresources(
  group: string,
  version: string,
  plural: string,
): readonly DiscoveredSubresource[] | undefined {
  const resources = builtinResources()[groupVersion(group, version)];
  if (!resources?.[plural]) return undefined;
  return Object.entries(resources)
    .filter(([name]) => name.startsWith(`${plural}/`))
    .map(([name, { verbs, kind }]) => ({ name: name.slice(plural.length + 1), verbs: verbsOf(verbs), body: kind }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const SHORT_NAMES: Readonly<Record<string, readonly string[]>> = { componentstatuses: ['cs'] };

function unstoredResource(group: string, version: string, name: string): DiscoveredResource | undefined {
  const facts = builtinResources()[groupVersion(group, version)]?.[name];
  const kind = facts?.kind[2];
  if (!facts || !kind) return undefined;
  return {
    name,
    singular: kind.toLowerCase(),
    kind,
    namespaced: facts.namespaced,
    verbs: verbsOf(facts.verbs),
    shortNames: SHORT_NAMES[name] ?? [],
    categories: [],
    subresources: builtinSubresources(group, version, name) ?? [],
  };
}

const VERBS: Readonly<Record<string, string>> = { post: 'create', put: 'update' };

/** The tables have HTTP methods where several mean one verb. */
function verbsOf(methods: readonly string[]): readonly string[] {
  const verbs = methods.filter((method) => method !== 'head' && method !== 'options');
  return [...new Set(verbs.map((method) => VERBS[method] ?? method))].sort();
}
