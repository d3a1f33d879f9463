import type { Authorizer } from '../../authorization/authorizer.ts';
import { nodeNameOf } from '../../authorization/node/identity.ts';
import type { Listers } from '../../listers.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { refusal } from '../refuse.ts';
import { checkNode } from './node-object.ts';
import type { NodeWrite } from './node-write.ts';
import { checkPod, checkPodEviction, checkPodStatus } from './pods.ts';
import { checkTokenRequest } from './tokens.ts';
import { checkCertificateRequest, checkClaimStatus, checkCsiNode, checkLease, checkResourceSlice } from './others.ts';

/** Resources that a node may write in part, by group, resource and subresource. */
const CHECKS: Readonly<Record<string, (write: NodeWrite) => void | Promise<void>>> = {
  '/pods': checkPod,
  '/pods/status': checkPodStatus,
  '/pods/eviction': checkPodEviction,
  '/nodes': checkNode,
  '/nodes/status': checkNode,
  '/persistentvolumeclaims/status': checkClaimStatus,
  '/serviceaccounts/token': checkTokenRequest,
  'coordination.k8s.io/leases': checkLease,
  'storage.k8s.io/csinodes': checkCsiNode,
  'resource.k8s.io/resourceslices': checkResourceSlice,
  'certificates.k8s.io/certificatesigningrequests': checkCertificateRequest,
};

/**
 * Keeps a node, and whoever took one over, to its own objects: its Node, its lease, mirror pods of what it runs, and
 * tokens of its pods. The Node authorizer asks which resource, this plug-in which object and which fields.
 * Source: "Admission Control in Kubernetes", NodeRestriction; KEP-279, KEP-2579; CVE-2025-4563, CVE-2025-5187.
 */
export function nodeRestriction(listers: Listers, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    admit(request) {
      const node = nodeNameOf(request.user);
      if (node === undefined) return;
      const { group, resource, subresource } = request;
      if (!node) throw refusal(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
      const check = CHECKS[subresource ? `${group}/${resource}/${subresource}` : `${group}/${resource}`];
      if (check) return check({ node, request, listers, authorizer });
      if (group === '' && resource === 'pods') {
        throw refusal(
          request,
          `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
        );
      }
      if (group === '' && resource === 'persistentvolumeclaims') throw refusal(request, 'may only update PVC status');
      if (group === '' && resource === 'nodes') {
        throw refusal(request, `unexpected node subresource ${JSON.stringify(subresource)}, only 'status' is allowed`);
      }
    },
  };
}
