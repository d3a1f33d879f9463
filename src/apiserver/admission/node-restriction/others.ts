import type { CertificateSigningRequest } from '#machinery/types/certificates-v1.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';
import type { ResourceSlice } from '#machinery/types/resource-v1.ts';
import { refusal } from '../refuse.ts';
import type { NodeWrite } from './node-write.ts';
import { same } from './pods.ts';

const LEASE_NAMESPACE = 'kube-node-lease';

/** Its own lease, by which others see that it lives. */
export function checkLease({ node, request }: NodeWrite): void {
  if (request.namespace !== LEASE_NAMESPACE) {
    throw refusal(request, `can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
  }
  if (nameOf(request) !== node) {
    throw refusal(request, 'can only access node lease with the same name as the requesting node');
  }
}

export function checkCsiNode({ node, request }: NodeWrite): void {
  if (nameOf(request) !== node) {
    throw refusal(request, 'can only access CSINode with the same name as the requesting node');
  }
}

function nameOf({ operation, name, object }: NodeWrite['request']): string {
  return operation === 'CREATE' ? (object?.metadata.name ?? name) : name;
}

/** Slices of its own devices. */
export function checkResourceSlice({ node, request }: NodeWrite): void {
  const old = request.oldObject as ResourceSlice | undefined;
  const written = request.object as ResourceSlice | undefined;
  if (request.operation === 'CREATE' && written?.spec.nodeName !== node) {
    throw refusal(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
  }
  if (request.operation !== 'CREATE' && old && old.spec.nodeName !== node) {
    throw refusal(request, 'can only access ResourceSlice with the same NodeName as the requesting node');
  }
}

/** What the resizing of a volume on the node changes in a claim's status, and nothing else. */
export function checkClaimStatus({ node, request }: NodeWrite): void {
  const written = request.object as PersistentVolumeClaim | undefined;
  const old = request.oldObject as PersistentVolumeClaim | undefined;
  if (request.operation !== 'UPDATE' || !written || !old) {
    throw refusal(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  }
  if (!same(withoutResize(written), withoutResize(old))) {
    const why = 'is not allowed to update fields other than status.quantity and status.conditions';
    throw refusal(request, `node ${JSON.stringify(node)} ${why}`);
  }
}

function withoutResize({ metadata, status, ...rest }: PersistentVolumeClaim): unknown {
  const { managedFields: _managed, resourceVersion: _revision, ...kept } = metadata;
  const { capacity: _capacity, conditions: _conditions, allocatedResources: _allocated, ...others } = status ?? {};
  const { allocatedResourceStatuses: _statuses, ...remaining } = others;
  return { ...rest, metadata: kept, status: remaining };
}

const NODE_SIGNERS = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']);

/** A node asks for certificates in its own name alone. */
export async function checkCertificateRequest({ node, request }: NodeWrite): Promise<void> {
  const written = request.object as CertificateSigningRequest | undefined;
  if (request.operation !== 'CREATE' || !written || !NODE_SIGNERS.has(written.spec.signerName)) return;
  const { readCertificateRequest } = await import('#pki/certificate-request.ts');
  const asked = readCertificateRequest(written.spec.request ?? '');
  if (!asked) throw refusal(request, 'unable to parse csr');
  if (asked.commonName !== `system:node:${node}`) {
    throw refusal(request, `can only create a node CSR with CN=system:node:${node}`);
  }
}
