import { normalizeZero } from '#machinery/codec/decode.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import type { ServedResource } from './registry.ts';

/** True where objects look the same in the store and in this version. */
export function isStorageVersion({ definition, version, storage }: ServedResource): boolean {
  return definition === storage.definition && version.version === definition.storageVersion;
}

/** Objects of the store in the version that is served. */
export function toServed(
  served: ServedResource,
  objects: readonly KubeObject[],
): readonly KubeObject[] | Promise<readonly KubeObject[]> {
  if (isStorageVersion(served)) return objects;
  const { definition, version, apiVersion } = served;
  if (definition.convert) return definition.convert(objects, version.version);
  return objects.map((object) => ({ ...object, apiVersion, kind: definition.kind }));
}

/** One object of the store in the version that is served. */
export async function oneToServed(served: ServedResource, object: KubeObject): Promise<KubeObject> {
  if (isStorageVersion(served)) return object;
  const [converted] = await toServed(served, [object]);
  if (!converted) throw new Error(`the conversion of ${served.definition.plural} lost an object`);
  return converted;
}

/** What a client sent, in the storage version. */
export async function toStorage(served: ServedResource, draft: Draft<KubeObject>): Promise<Draft<KubeObject>> {
  if (isStorageVersion(served)) return draft;
  const { definition } = served.storage;
  const apiVersion = apiVersionOf(definition.group, definition.storageVersion);
  if (!definition.convert) return { ...draft, apiVersion, kind: definition.kind };
  const [converted] = await definition.convert([draft], definition.storageVersion);
  if (!converted) throw new Error(`the conversion of ${definition.plural} lost an object`);
  return converted as Draft<KubeObject>; // a conversion gives an object of its own
}

/**
 * An object of this resource in another of its versions, with that version's schema; undefined where there is none. The
 * object is in the version that it names, or else in the served one.
 */
export async function convertBetween(
  served: ServedResource,
  object: unknown,
  apiVersion: string,
): Promise<{ readonly object: unknown; readonly schema: StructSchema } | undefined> {
  const { versions, group } = served.definition;
  const find = (wanted: unknown) => versions.find((one) => apiVersionOf(group, one.version) === wanted);
  const version = find(apiVersion);
  if (!version) return undefined;
  const given = object as Draft<KubeObject>; // decoded in its version
  const source = find(given.apiVersion) ?? served.version;
  if (version.version === source.version) return { object, schema: version.schema };
  const from = { ...served, version: source, apiVersion: apiVersionOf(group, source.version) };
  const stored = await toStorage(from, filled(given, source.schema));
  const converted = await oneToServed({ ...served, version, apiVersion }, stored);
  return { object: filled(converted, version.schema), schema: version.schema };
}

/** Required members that an object lacks are empty in a typed version, and so they count when versions are compared. */
function filled<T>(object: T, schema: StructSchema): T {
  return schema.name === '' ? object : normalizeZero(object, schema);
}

export function apiVersionOf(group: string, version: string): string {
  return group ? `${group}/${version}` : version;
}

/** A draft in the storage version with absent and zero values as they are served, after our own code has changed it. */
export function normalized({ storage }: ServedResource, draft: Draft<KubeObject>): Draft<KubeObject> {
  const { versions, storageVersion } = storage.definition;
  const version = versions.find((one) => one.version === storageVersion);
  return version ? normalizeZero(draft, version.schema) : draft;
}
