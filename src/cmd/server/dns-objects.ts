import type { Transport } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import type { KubeObject, Sparse } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import { service } from '#resources/core/service/service.ts';
import { clusterRole } from '#resources/rbac/cluster-role/cluster-role.ts';
import { clusterRoleBinding } from '#resources/rbac/cluster-role-binding/cluster-role-binding.ts';

const ROLE = 'system:coredns';

/**
 * What tools expect of a cluster's DNS: the Service kube-system/kube-dns, which also keeps its address from being given
 * to another Service (every node answers on it itself, so it has no endpoints), and the role under CoreDNS's usual name
 * that lets agents read what names are made of.
 */
export async function ensureDnsObjects(transport: Transport, dnsIp: string): Promise<void> {
  const client = createClient(transport);
  const ensure = async <T extends KubeObject>(resource: ResourceRef<T>, object: Sparse<T>) => {
    try {
      await client.create(resource, object);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
  };
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
    { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
  ];
  const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' };
  await ensure(service, {
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels },
    spec: { clusterIP: dnsIp, ports },
  }).catch((error: unknown) => {
    if (!isStatus(error, 'Invalid')) throw error; // the address is allocated: the Service is there already
  });
  const read = (apiGroup: string, resources: readonly string[]) => ({
    apiGroups: [apiGroup],
    resources,
    verbs: ['list', 'watch'],
  });
  const rules = [
    read('', ['endpoints', 'services', 'pods', 'namespaces']),
    read('discovery.k8s.io', ['endpointslices']),
  ];
  await ensure(clusterRole, { metadata: { name: ROLE }, rules });
  await ensure(clusterRoleBinding, {
    metadata: { name: ROLE },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ROLE },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-proxy' }],
  });
}
