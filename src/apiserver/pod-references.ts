import type {
  Container,
  EphemeralContainer,
  PersistentVolume,
  Pod,
  PodSpec,
  Volume,
} from '#machinery/types/core-v1.ts';

/** Names of the objects that a pod makes its node read, all in the pod's namespace. */
export interface PodReferences {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
  readonly clusterTrustBundles: boolean;
  readonly tokens: boolean;
}

/** Stored objects are frozen and shared, so what one refers to is found out once. */
const known = new WeakMap<Pod, PodReferences>();

/** What `pod` refers to. The Node authorizer opens these to the node, admission keeps mirror pods from having any. */
export function podReferences(pod: Pod): PodReferences {
  const before = known.get(pod);
  if (before) return before;
  const references = readReferences(pod);
  if (Object.isFrozen(pod)) known.set(pod, references);
  return references;
}

function readReferences({ metadata, spec, status }: Pod): PodReferences {
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const containers = containersOf(spec);
  return {
    secrets: names([
      ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
      ...containers.flatMap(secretsOfContainer),
      ...volumes.map(secretOfVolume),
      ...sources.map(({ secret }) => secret?.name),
    ]),
    configMaps: names([
      ...containers.flatMap(configMapsOfContainer),
      ...volumes.map(({ configMap }) => configMap?.name),
      ...sources.map(({ configMap }) => configMap?.name),
    ]),
    claims: names([
      ...volumes.map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName),
      ...volumes.map(({ name, ephemeral }) => (ephemeral ? `${metadata.name}-${name}` : undefined)),
    ]),
    resourceClaims: names([
      ...(spec.resourceClaims ?? []).map(({ resourceClaimName }) => resourceClaimName),
      ...(status?.resourceClaimStatuses ?? []).map(({ resourceClaimName }) => resourceClaimName),
      status?.extendedResourceClaimStatus?.resourceClaimName,
    ]),
    clusterTrustBundles: sources.some(({ clusterTrustBundle }) => clusterTrustBundle !== undefined),
    tokens: sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined),
  };
}

function names(list: readonly (string | undefined)[]): ReadonlySet<string> {
  return new Set(list.filter((name): name is string => Boolean(name)));
}

type AnyContainer = Container | EphemeralContainer;

function containersOf(spec: PodSpec): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function secretsOfContainer({ env = [], envFrom = [] }: AnyContainer): readonly (string | undefined)[] {
  return [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ];
}

function configMapsOfContainer({ env = [], envFrom = [] }: AnyContainer): readonly (string | undefined)[] {
  const variables = env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name);
  return [...variables, ...envFrom.map(({ configMapRef }) => configMapRef?.name)];
}

function secretOfVolume(volume: Volume): string | undefined {
  const { secret, azureFile, cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos, csi } = volume;
  const reference = cephfs ?? cinder ?? flexVolume ?? rbd ?? scaleIO ?? iscsi ?? storageos;
  return (
    secret?.secretName ??
    azureFile?.secretName ??
    reference?.secretRef?.name ??
    csi?.nodePublishSecretRef?.name ??
    undefined
  );
}

/** Secrets that the kubelet needs for a volume, as `namespace/name`; those of the attach controller are not among them. */
export function volumeSecrets({ spec }: PersistentVolume): ReadonlySet<string> {
  const own = spec.claimRef?.namespace ?? '';
  const { azureFile, cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos, csi } = spec;
  const references: ({ readonly name?: string; readonly namespace?: string } | null | undefined)[] = [
    azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace ?? own },
    ...[cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos].map((source) => source?.secretRef),
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  return names(references.map((item) => item?.name && `${item.namespace || own}/${item.name}`));
}
