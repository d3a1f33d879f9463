import type { Client } from '#client/client.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import type { Pod, PodTemplateSpec } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from './events.ts';
import { controllerOf, controllerReference, isControlledBy } from './owners.ts';
import type { LabelMatcher } from './selectors.ts';

const pods: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** The pod that an owner's template describes, named by the server. Fields of `change` are laid over it. */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplateSpec,
  change: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  } = {},
): Partial<Pod> & { readonly metadata: Pod['metadata'] } {
  const { labels, annotations, finalizers = [] } = template.metadata ?? {};
  const allFinalizers = [...finalizers, ...(change.finalizers ?? [])];
  return {
    metadata: {
      generateName: `${owner.metadata.name}-`,
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      labels: { ...labels, ...change.labels },
      annotations: { ...annotations, ...change.annotations },
      ...(allFinalizers.length > 0 ? { finalizers: allFinalizers } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
  };
}

/** Creates a pod for `owner` and says so in events of upstream's words. */
export async function createPod(
  owner: KubeObject,
  pod: Partial<Pod> & { readonly metadata: Pod['metadata'] },
  { client, events }: { readonly client: Client; readonly events: EventRecorder },
): Promise<Pod> {
  try {
    const created = await client.create(pods, pod);
    events.record(owner, {
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: `Created pod: ${created.metadata.name}`,
    });
    return created;
  } catch (error) {
    if (!isNamespaceTerminating(error)) {
      const message = `Error creating: ${error instanceof Error ? error.message : String(error)}`;
      events.record(owner, { type: 'Warning', reason: 'FailedCreate', message });
    }
    throw error;
  }
}

export async function deletePod(
  owner: KubeObject,
  pod: Pod,
  { client, events }: { readonly client: Client; readonly events: EventRecorder },
): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  try {
    await client.delete(pods, name, namespace, uid ? { uid } : {});
    events.record(owner, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` });
  } catch (error) {
    if (isStatus(error, 'NotFound')) return;
    const message = `Error deleting: ${error instanceof Error ? error.message : String(error)}`;
    events.record(owner, { type: 'Warning', reason: 'FailedDelete', message });
    throw error;
  }
}

export function isNamespaceTerminating(error: unknown): boolean {
  return (
    isStatus(error, 'Forbidden') &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

/** Which of the objects an owner should take or let go. Pure; objects of other owners are left alone. */
export function planClaims<T extends KubeObject>(owner: KubeObject, matches: LabelMatcher, candidates: readonly T[]) {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const ownerIsGoing = owner.metadata.deletionTimestamp !== undefined;
  for (const candidate of candidates) {
    const { labels, deletionTimestamp, namespace } = candidate.metadata;
    const controller = controllerOf(candidate);
    if (namespace !== owner.metadata.namespace) continue;
    if (controller) {
      if (!isControlledBy(candidate, owner)) continue;
      if (matches(labels)) owned.push(candidate);
      else if (!ownerIsGoing) release.push(candidate);
    } else if (!ownerIsGoing && deletionTimestamp === undefined && matches(labels)) {
      adopt.push(candidate);
    }
  }
  return { owned, adopt, release };
}

/**
 * Carries out claims and returns what the owner controls after them. Before anything is adopted the owner is read from
 * the server: one that was deleted and made anew under the same name must not take the objects of the old one.
 */
export async function claim<T extends KubeObject, Owner extends KubeObject>(
  {
    ownerRef,
    owner,
    resource,
    client,
  }: {
    readonly ownerRef: ResourceRef<Owner>;
    readonly owner: Owner;
    readonly resource: ResourceRef<T>;
    readonly client: Client;
  },
  claims: { readonly owned: readonly T[]; readonly adopt: readonly T[]; readonly release: readonly T[] },
): Promise<readonly T[]> {
  const adopted: T[] = [];
  if (claims.adopt.length > 0) {
    const { name = '', namespace, uid } = owner.metadata;
    const live = await client.get(ownerRef, name, namespace);
    if (live.metadata.uid !== uid) {
      throw new Error(`${owner.kind} ${namespace}/${name} was replaced: it is ${live.metadata.uid} now, not ${uid}`);
    }
    if (live.metadata.deletionTimestamp === undefined) {
      for (const object of claims.adopt) adopted.push(...(await adopt(owner, resource, object, client)));
    }
  }
  for (const object of claims.release) await release(owner, resource, object, client);
  return [...claims.owned, ...adopted];
}

async function adopt<T extends KubeObject>(
  owner: KubeObject,
  resource: ResourceRef<T>,
  object: T,
  client: Client,
): Promise<readonly T[]> {
  const { name = '', namespace, uid } = object.metadata;
  const patch = { metadata: { ownerReferences: [controllerReference(owner)], uid } };
  try {
    return [await client.patch(resource, { name, namespace, type: 'strategic', body: patch })];
  } catch (error) {
    if (isStatus(error, 'NotFound')) return [];
    throw error;
  }
}

async function release<T extends KubeObject>(
  owner: KubeObject,
  resource: ResourceRef<T>,
  object: T,
  client: Client,
): Promise<void> {
  const { name = '', namespace, uid } = object.metadata;
  const patch = { metadata: { ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }], uid } };
  try {
    await client.patch(resource, { name, namespace, type: 'strategic', body: patch });
  } catch (error) {
    // Gone, or replaced by another object (the uid in the patch is then refused): nothing is left to let go.
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Invalid')) throw error;
  }
}
