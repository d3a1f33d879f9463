/** What `--controllers` may name. */
export interface KnownControllers {
  readonly names: readonly string[];
  /** Start only when they are named. */
  readonly offByDefault: readonly string[];
}

/** Upstream's names, all that `--controllers` knows; what is not built yet may be named and does nothing. */
export const UPSTREAM_CONTROLLERS: KnownControllers = {
  names: [
    'bootstrap-signer-controller',
    'certificatesigningrequest-approving-controller',
    'certificatesigningrequest-cleaner-controller',
    'certificatesigningrequest-signing-controller',
    'cloud-node-lifecycle-controller',
    'clusterrole-aggregation-controller',
    'cronjob-controller',
    'daemonset-controller',
    'deployment-controller',
    'device-taint-eviction-controller',
    'disruption-controller',
    'endpoints-controller',
    'endpointslice-controller',
    'endpointslice-mirroring-controller',
    'ephemeral-volume-controller',
    'garbage-collector-controller',
    'horizontal-pod-autoscaler-controller',
    'job-controller',
    'kube-apiserver-serving-clustertrustbundle-publisher-controller',
    'legacy-serviceaccount-token-cleaner-controller',
    'namespace-controller',
    'node-ipam-controller',
    'node-lifecycle-controller',
    'node-route-controller',
    'persistentvolume-attach-detach-controller',
    'persistentvolume-binder-controller',
    'persistentvolume-expander-controller',
    'persistentvolume-protection-controller',
    'persistentvolumeclaim-protection-controller',
    'pod-garbage-collector-controller',
    'podcertificaterequest-cleaner-controller',
    'podgroup-protection-controller',
    'replicaset-controller',
    'replicationcontroller-controller',
    'resourceclaim-controller',
    'resourcepoolstatusrequest-controller',
    'resourcequota-controller',
    'root-ca-certificate-publisher-controller',
    'selinux-warning-controller',
    'service-cidr-controller',
    'service-lb-controller',
    'serviceaccount-controller',
    'serviceaccount-token-controller',
    'statefulset-controller',
    'storage-version-migrator-controller',
    'storageversion-garbage-collector-controller',
    'taint-eviction-controller',
    'token-cleaner-controller',
    'ttl-after-finished-controller',
    'ttl-controller',
    'validatingadmissionpolicy-status-controller',
    'volumeattributesclass-protection-controller',
  ],
  offByDefault: ['bootstrap-signer-controller', 'selinux-warning-controller', 'token-cleaner-controller'],
};

/**
 * The controllers that a list such as `*,-job-controller` selects. `*` is all that are on by default, `name` turns one
 * on, `-name` off; of several words about one controller the first counts. Throws for a name that does not exist.
 */
export function selectControllers(
  list: readonly string[],
  { names, offByDefault }: KnownControllers = UPSTREAM_CONTROLLERS,
): ReadonlySet<string> {
  for (const word of list) {
    const name = word.replace(/^-/, '');
    if (name !== '*' && !names.includes(name)) throw new Error(`"${name}" is not in the list of known controllers`);
  }
  const all = list.includes('*');
  return new Set(
    names.filter((name) => {
      const first = list.find((word) => word === name || word === `-${name}`);
      return first === undefined ? all && !offByDefault.includes(name) : first === name;
    }),
  );
}
