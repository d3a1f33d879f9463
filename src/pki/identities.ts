import type { CertificateRequest, Credential } from './certificate.ts';
import type { Pki } from './pki.ts';

/** Groups and user names that the API server knows. Source: Kubernetes documentation, "PKI certificates". */
export const MASTERS_GROUP = 'system:masters';
export const NODES_GROUP = 'system:nodes';
export const NODE_USER_PREFIX = 'system:node:';

/** Under which names and addresses clients reach an API server. */
export interface ServingNames {
  /** `cluster.local` unless chosen otherwise. */
  readonly clusterDomain: string;
  /** First address of each service range: that of the `kubernetes` Service. */
  readonly serviceAddresses: readonly string[];
  /** The machine's name and whatever the user adds. */
  readonly hostNames: readonly string[];
  /** Addresses of the machine and whatever the user adds. */
  readonly addresses: readonly string[];
}

/** The API server's own certificate. */
export function apiServerCredential(pki: Pki, names: ServingNames): Promise<Credential> {
  return pki.cluster.credential('apiserver', {
    commonName: 'kube-apiserver',
    usages: ['server'],
    dnsNames: unique([
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${names.clusterDomain}`,
      'localhost',
      ...names.hostNames,
    ]),
    ipAddresses: unique(['127.0.0.1', '::1', ...names.serviceAddresses, ...names.addresses]),
  });
}

/**
 * With what the API server calls kubelets. The user `kube-apiserver-kubelet-client` as kubeadm names it, but in no
 * group: a node whose status names the API server as its address must not turn a proxied request into one of
 * system:masters (CVE-2022-3294). Kubelets know the name.
 */
export function kubeletClientCredential(pki: Pki): Promise<Credential> {
  return clientCredential(pki, 'apiserver-kubelet-client', { commonName: 'kube-apiserver-kubelet-client' });
}

/** With what the API server calls extension API servers, which believe its headers. */
export function frontProxyCredential(pki: Pki): Promise<Credential> {
  return pki.frontProxy.credential('front-proxy-client', { commonName: 'front-proxy-client', usages: ['client'] });
}

/** The user of the kubeconfig that `dhow up` writes; RBAC does not bind it. */
export function adminCredential(pki: Pki): Promise<Credential> {
  return clientCredential(pki, 'admin', { commonName: 'kubernetes-admin', organizations: [MASTERS_GROUP] });
}

/** The service proxy of an agent, bound by RBAC to `system:node-proxier`. */
export function proxyCredential(pki: Pki): Promise<Credential> {
  return clientCredential(pki, 'proxy', { commonName: 'system:kube-proxy' });
}

/** What a kubelet is toward the API server: `system:node:NAME` in `system:nodes`, held by the Node authorizer. */
export function nodeCredential(pki: Pki, node: string): Promise<Credential> {
  return clientCredential(pki, `node-${fileName(node)}`, {
    commonName: `${NODE_USER_PREFIX}${node}`,
    organizations: [NODES_GROUP],
  });
}

/** What a kubelet serves its API with. `server` usage alone, so that it is no client certificate of a node. */
export function nodeServingCredential(
  pki: Pki,
  node: string,
  names: { readonly hostNames: readonly string[]; readonly addresses: readonly string[] },
): Promise<Credential> {
  return pki.cluster.credential(`nodes/${fileName(node)}-serving`, {
    commonName: `${NODE_USER_PREFIX}${node}`,
    organizations: [NODES_GROUP],
    usages: ['server'],
    dnsNames: unique([node, ...names.hostNames]),
    ipAddresses: unique(names.addresses),
  });
}

/** Any other client, kept under `clients/`. */
export function clientCredential(
  pki: Pki,
  name: string,
  subject: Pick<CertificateRequest, 'commonName' | 'organizations'>,
): Promise<Credential> {
  return pki.cluster.credential(`clients/${fileName(name)}`, { ...subject, usages: ['client'] });
}

/** Node names are DNS names; anything else must not choose a path. */
function fileName(name: string): string {
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) || name.includes('..') || name.length > 253) {
    throw new Error(`${JSON.stringify(name)} cannot name a certificate: use lower-case letters, digits, '-' and '.'`);
  }
  return name;
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
