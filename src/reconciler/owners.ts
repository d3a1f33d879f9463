import type { Int64 } from '#machinery/int64.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { OwnerReference } from '#machinery/types/meta-v1.ts';

/** The one owner that controls an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The owner reference of an object that `owner` controls. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** `namespace/name`, or the name alone where there is no namespace. */
export function keyOf({ metadata }: KubeObject): string {
  return joinKey(metadata.namespace, metadata.name ?? '');
}

export function joinKey(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: slash < 0 ? '' : key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Names an index of dependents by the uid of the controlling owner. */
export const BY_CONTROLLER = 'controller-uid';

export function controllerUid(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return owner ? [owner.uid] : [];
}

/** Key of the controlling owner where it is of that kind. */
export function controllerKey({ group, kind }: Pick<ResourceRef, 'group' | 'kind'>) {
  return (object: KubeObject): readonly string[] => {
    const owner = controllerOf(object);
    if (owner?.kind !== kind || groupOf(owner.apiVersion) !== group) return [];
    return [joinKey(object.metadata.namespace, owner.name)];
  };
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function sameNumber(a: Int64 | undefined, b: Int64 | undefined): boolean {
  return Number(a ?? 0) === Number(b ?? 0);
}
