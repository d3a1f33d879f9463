import { notFoundError } from '#machinery/status.ts';
import { namespace as namespaces } from '#resources/core/namespace/namespace.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { refusal, refusalWithCauses } from './refuse.ts';

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Nothing is made in a namespace that is missing or on its way out, and the system's namespaces stay.
 * Source: "Admission Control in Kubernetes", NamespaceLifecycle.
 */
export function namespaceLifecycle(listers: Listers): AdmissionPlugin {
  const namespacesNow = listers(namespaces);
  return {
    name: 'NamespaceLifecycle',
    admit(request) {
      if (request.group === '' && request.kind === 'Namespace') return keepImmortal(request);
      if (!request.namespace || request.operation === 'DELETE' || isAccessReview(request)) return;
      const found = namespacesNow.get(request.namespace);
      if (!found) throw notFoundError({ group: '', resource: 'namespaces' }, request.namespace);
      const ending = found.status?.phase === 'Terminating' || found.metadata.deletionTimestamp !== undefined;
      if (request.operation === 'CREATE' && ending) throw terminating(request);
    },
  };
}

function keepImmortal(request: AdmissionRequest): void {
  if (request.operation === 'DELETE' && !request.subresource && IMMORTAL.has(request.name)) {
    throw refusal(request, 'this namespace may not be deleted');
  }
}

/** What somebody may do in a namespace may be asked before the namespace is there. */
function isAccessReview({ group, resource }: AdmissionRequest): boolean {
  return group === 'authorization.k8s.io' && resource === 'localsubjectaccessreviews';
}

function terminating(request: AdmissionRequest) {
  const { namespace } = request;
  return refusalWithCauses(
    request,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
