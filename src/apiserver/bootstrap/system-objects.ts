import type { Sparse } from '#machinery/object.ts';
import type { APIService } from '#machinery/types/apiregistration-v1.ts';
import type { ConfigMap, Namespace } from '#machinery/types/core-v1.ts';
import type { ServiceCIDR } from '#machinery/types/networking-v1.ts';
import type { PriorityClass } from '#machinery/types/scheduling-v1.ts';
import { SYSTEM_PRIORITIES } from '#resources/scheduling/priority-class/priority-class.ts';
import { FRONT_PROXY_NAMES } from '../authentication/request-headers.ts';

/** Namespaces that are always there. Source: Kubernetes documentation, "Namespaces". */
export const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'] as const;

export function systemNamespaces(): readonly Sparse<Namespace>[] {
  return SYSTEM_NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
}

const PRIORITY_DESCRIPTIONS: Readonly<Record<string, string>> = {
  'system-cluster-critical':
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  'system-node-critical': 'Used for system critical pods that must not be moved from their current node.',
};

export function systemPriorityClasses(): readonly Sparse<PriorityClass>[] {
  return Object.entries(SYSTEM_PRIORITIES).map(([name, value]) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description: PRIORITY_DESCRIPTIONS[name],
  }));
}

/** The range of cluster IPs that the server was started with. */
export function defaultServiceCidr(cidrs: readonly string[]): Sparse<ServiceCIDR> {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs },
  };
}

/** Certificates (PEM) that extension API servers need to believe this one. Source: "Configure the Aggregation Layer". */
export function extensionAuthentication(clientCa: string, frontProxyCa: string): Sparse<ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clientCa,
      'requestheader-allowed-names': JSON.stringify(FRONT_PROXY_NAMES),
      'requestheader-client-ca-file': frontProxyCa,
      'requestheader-extra-headers-prefix': JSON.stringify(['X-Remote-Extra-']),
      'requestheader-group-headers': JSON.stringify(['X-Remote-Group']),
      'requestheader-uid-headers': JSON.stringify(['X-Remote-Uid']),
      'requestheader-username-headers': JSON.stringify(['X-Remote-User']),
    },
  };
}

/** Where the cluster is and whom to trust, as a kubeconfig without a user. Source: kubeadm, "cluster-info". */
export function clusterInfo(server: string, clusterCa: string): Sparse<ConfigMap> {
  const kubeconfig = [
    'apiVersion: v1',
    'clusters:',
    '- cluster:',
    `    certificate-authority-data: ${Buffer.from(clusterCa).toString('base64')}`,
    `    server: ${server}`,
    '  name: ""',
    'contexts: null',
    'current-context: ""',
    'kind: Config',
    'preferences: {}',
    'users: null',
    '',
  ];
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig: kubeconfig.join('\n') },
  };
}

/** Group, version, priority of the group, priority of the version in it, as discovery orders them. */
const LOCAL_APIS: readonly (readonly [string, string, number, number])[] = [
  ['', 'v1', 18_000, 1],
  ['admissionregistration.k8s.io', 'v1', 16_700, 15],
  ['apiextensions.k8s.io', 'v1', 16_700, 15],
  ['apps', 'v1', 17_800, 15],
  ['authentication.k8s.io', 'v1', 17_700, 15],
  ['authorization.k8s.io', 'v1', 17_600, 15],
  ['autoscaling', 'v1', 17_500, 15],
  ['autoscaling', 'v2', 17_500, 30],
  ['batch', 'v1', 17_400, 15],
  ['certificates.k8s.io', 'v1', 17_300, 15],
  ['coordination.k8s.io', 'v1', 16_500, 15],
  ['discovery.k8s.io', 'v1', 16_200, 15],
  ['events.k8s.io', 'v1', 17_750, 15],
  ['flowcontrol.apiserver.k8s.io', 'v1', 16_100, 21],
  ['networking.k8s.io', 'v1', 17_200, 15],
  ['node.k8s.io', 'v1', 16_300, 15],
  ['policy', 'v1', 17_100, 15],
  ['rbac.authorization.k8s.io', 'v1', 17_000, 15],
  ['resource.k8s.io', 'v1', 16_200, 21],
  ['scheduling.k8s.io', 'v1', 16_600, 15],
  ['storage.k8s.io', 'v1', 16_800, 15],
];

/** One APIService for each group version that this server answers itself. */
export function localApiServices(): readonly Sparse<APIService>[] {
  return LOCAL_APIS.map(([group, version, groupPriorityMinimum, versionPriority]) => ({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: {
      name: `${version}.${group}`,
      labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' },
    },
    spec: { ...(group ? { group } : {}), version, groupPriorityMinimum, versionPriority },
  }));
}
