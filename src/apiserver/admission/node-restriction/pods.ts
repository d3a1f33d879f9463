import { isDeepStrictEqual } from 'node:util';
import { notFoundError } from '#machinery/status.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { OwnerReference } from '#machinery/types/meta-v1.ts';
import { node as nodes } from '#resources/core/node/node.ts';
import { isMirrorPod, MIRROR_ANNOTATION } from '#resources/core/pod/mirror.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import { podReferences } from '../../pod-references.ts';
import { refusal } from '../refuse.ts';
import type { NodeWrite } from './node-write.ts';

/** A node makes mirror pods of what it runs from files, and removes pods that are its own. */
export function checkPod(write: NodeWrite): void {
  const { node, request } = write;
  if (request.operation === 'CREATE') return checkCreate(write);
  if (request.operation !== 'DELETE') {
    const why = `unexpected operation ${JSON.stringify(request.operation)}, node ${quoted(node)} can only create and delete mirror pods`;
    throw refusal(request, why);
  }
  if (storedPod(write, request.name).spec.nodeName !== node) {
    throw refusal(request, `node ${quoted(node)} can only delete pods with spec.nodeName set to itself`);
  }
}

function storedPod({ request, listers }: NodeWrite, name: string): Pod {
  const found = (request.oldObject as Pod | undefined) ?? listers(pods).get(name, request.namespace);
  if (!found) throw notFoundError({ group: '', resource: 'pods' }, name);
  return found;
}

function checkCreate(write: NodeWrite): void {
  const { node, request } = write;
  const pod = request.object as Pod | undefined;
  if (!pod) throw refusal(request, 'unexpected type');
  if (!isMirrorPod(pod)) {
    const annotation = JSON.stringify(MIRROR_ANNOTATION);
    throw refusal(
      request,
      `pod does not have ${annotation} annotation, node ${quoted(node)} can only create mirror pods`,
    );
  }
  if (pod.spec.nodeName !== node) {
    throw refusal(request, `node ${quoted(node)} can only create pods with spec.nodeName set to itself`);
  }
  checkOwner(write, pod.metadata.ownerReferences ?? []);
  checkReferences(write, pod);
}

/** The owner is the node itself, as it is now: the pod then goes with the node and with nothing else. */
function checkOwner({ node, request, listers }: NodeWrite, owners: readonly OwnerReference[]): void {
  const [owner, ...more] = owners;
  const only = `node ${quoted(node)} can only create pods with`;
  if (more.length > 0) throw refusal(request, `${only} a single owner reference set to itself`);
  if (!owner || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refusal(request, `${only} an owner reference set to itself`);
  }
  if (!owner.controller) throw refusal(request, `${only} a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) {
    throw refusal(request, `node ${quoted(node)} must not set blockOwnerDeletion on an owner reference`);
  }
  const found = listers(nodes).get(node);
  if (!found) throw notFoundError({ group: '', resource: 'nodes' }, node);
  if (owner.uid !== found.metadata.uid) {
    throw refusal(request, `node ${node} UID mismatch: expected ${owner.uid} got ${found.metadata.uid}`);
  }
}

/** What a pod refers to, its node may read: so a node must not choose it. */
function checkReferences({ node, request }: NodeWrite, pod: Pod): void {
  const { secrets, configMaps, claims, resourceClaims, clusterTrustBundles, tokens } = podReferences(pod);
  const forbidden = [
    ['a service account', Boolean(pod.spec.serviceAccountName) || tokens],
    ['secrets', secrets.size > 0],
    ['configmaps', configMaps.size > 0],
    ['clustertrustbundles', clusterTrustBundles],
    ['a persistentvolumeclaim', claims.size > 0],
    ['resourceclaims', resourceClaims.size > 0 || (pod.spec.resourceClaims ?? []).length > 0],
  ] as const;
  for (const [what, there] of forbidden) {
    if (there) throw refusal(request, `node ${quoted(node)} can not create pods that reference ${what}`);
  }
}

/** The status of its pods, and nothing that others read from it as a decision. */
export function checkPodStatus({ node, request }: NodeWrite): void {
  if (request.operation !== 'UPDATE') {
    throw refusal(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  }
  const old = request.oldObject as Pod | undefined;
  const pod = request.object as Pod | undefined;
  if (!old || !pod || old.spec.nodeName !== node) {
    throw refusal(request, `node ${quoted(node)} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!same(pod.metadata.labels ?? {}, old.metadata.labels ?? {})) {
    throw refusal(request, `node ${quoted(node)} cannot update labels through pod status`);
  }
  if (!same(pod.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
    throw refusal(request, `node ${quoted(node)} cannot update owner references through pod status`);
  }
  const claims = ({ status }: Pod) => [
    status?.resourceClaimStatuses ?? [],
    status?.extendedResourceClaimStatus ?? null,
  ];
  if (!same(claims(pod), claims(old))) {
    throw refusal(request, `node ${quoted(node)} cannot update resource claim statuses`);
  }
}

/** Evicts its own pods. */
export function checkPodEviction(write: NodeWrite): void {
  const { node, request } = write;
  if (request.operation !== 'CREATE') {
    throw refusal(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  }
  const name = request.name || request.object?.metadata.name || '';
  if (!name) throw refusal(request, 'could not determine pod from request data');
  const found = write.listers(pods).get(name, request.namespace);
  if (!found) throw notFoundError({ group: '', resource: 'pods' }, name);
  if (found.spec.nodeName !== node) {
    throw refusal(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
  }
}

/** Drafts and frozen objects are compared by their data alone. */
export function same(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(left)), JSON.parse(JSON.stringify(right)));
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
