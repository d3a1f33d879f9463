import { type FieldError, type FieldPath, forbidden, invalid, required } from '#machinery/field-error.ts';
import type { CSIPersistentVolumeSource, PersistentVolumeSpec, SecretReference } from '#machinery/types/core-v1.ts';
import { invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isDnsSubdomain, isDnsLabel } from '#machinery/validation/names.ts';
import { networkVolumes, validateCsiDriverName } from '../pod/validation/network-volumes.ts';
import { validateNoBacksteps } from '../pod/validation/paths.ts';
import { validateHostPath, validateNfs } from '../pod/validation/volumes.ts';

type Check<Source> = (source: Source, path: FieldPath) => readonly FieldError[];
type SourceName = Exclude<
  keyof PersistentVolumeSpec,
  | 'accessModes'
  | 'capacity'
  | 'claimRef'
  | 'mountOptions'
  | 'nodeAffinity'
  | 'persistentVolumeReclaimPolicy'
  | 'storageClassName'
  | 'volumeAttributesClassName'
  | 'volumeMode'
>;

/** Every source of a volume with its check, in upstream's order: the first one given counts. */
const SOURCES: { readonly [Name in SourceName]: Check<NonNullable<PersistentVolumeSpec[Name]>> } = {
  hostPath: validateHostPath,
  gcePersistentDisk: networkVolumes.gcePersistentDisk,
  awsElasticBlockStore: networkVolumes.awsElasticBlockStore,
  glusterfs: (source, path) => [
    ...networkVolumes.glusterfs(source, path),
    ...(source.endpointsNamespace === '' || source.endpointsNamespace?.trim() === ''
      ? [
          invalid(
            path.at('endpointsNamespace'),
            source.endpointsNamespace,
            'if the endpointnamespace is set, it must be a valid namespace name',
          ),
        ]
      : []),
  ],
  flocker: networkVolumes.flocker,
  nfs: validateNfs,
  rbd: networkVolumes.rbd,
  quobyte: networkVolumes.quobyte,
  cephfs: networkVolumes.cephfs,
  iscsi: (source, path) => [
    ...networkVolumes.iscsi(source, path),
    ...(source.secretRef && (source.chapAuthDiscovery || source.chapAuthSession)
      ? nonEmpty(source.secretRef.name, path.at('secretRef', 'name'))
      : []),
  ],
  cinder: ({ volumeID, secretRef }, path) => [
    ...nonEmpty(volumeID, path.at('volumeID')),
    ...completeSecret(secretRef, path.at('secretRef')),
  ],
  fc: networkVolumes.fc,
  flexVolume: networkVolumes.flexVolume,
  azureFile: (source, path) => [
    ...networkVolumes.azureFile(source, path),
    ...(source.secretNamespace === '' ? [required(path.at('secretNamespace'))] : []),
  ],
  vsphereVolume: networkVolumes.vsphereVolume,
  photonPersistentDisk: networkVolumes.photonPersistentDisk,
  portworxVolume: networkVolumes.portworxVolume,
  azureDisk: networkVolumes.azureDisk,
  scaleIO: networkVolumes.scaleIO,
  local: ({ path: target }, path) =>
    target ? validateNoBacksteps(target, path.at('path')) : [required(path.at('path'))],
  storageos: ({ secretRef, ...source }, path) => [
    ...networkVolumes.storageos(source, path),
    ...completeSecret(secretRef, path.at('secretRef')),
  ],
  csi: validateCsi,
};

const SOURCE_NAMES = Object.keys(SOURCES) as readonly SourceName[]; // the keys of a literal of that type

/** Exactly one source, and that one good. */
export function validateVolumeSource(spec: PersistentVolumeSpec, path: FieldPath): FieldError[] {
  const given = SOURCE_NAMES.filter((name) => spec[name] !== undefined && spec[name] !== null);
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  return given.flatMap(
    (name, index) =>
      index > 0
        ? [forbidden(path.at(name), 'may not specify more than 1 volume type')]
        : (SOURCES[name] as Check<unknown>)(spec[name], path.at(name)), // the source stands under the name of its check
  );
}

/** The part of a spec that says what the volume is. */
export function sourceOf(spec: PersistentVolumeSpec): Pick<PersistentVolumeSpec, SourceName> {
  return Object.fromEntries(SOURCE_NAMES.flatMap((name) => (spec[name] ? [[name, spec[name]]] : [])));
}

function completeSecret(
  secret: { readonly name?: string; readonly namespace?: string } | undefined,
  path: FieldPath,
): FieldError[] {
  if (!secret) return [];
  return [...nonEmpty(secret.name, path.at('name')), ...nonEmpty(secret.namespace, path.at('namespace'))];
}

function validateCsi(source: CSIPersistentVolumeSource, path: FieldPath): FieldError[] {
  return [
    ...validateCsiDriverName(source.driver, path.at('driver')),
    ...nonEmpty(source.volumeHandle, path.at('volumeHandle')),
    ...validateSecretRef(source.controllerPublishSecretRef, path.at('controllerPublishSecretRef')),
    ...validateSecretRef(source.controllerExpandSecretRef, path.at('controllerExpandSecretRef')),
    ...validateSecretRef(source.nodePublishSecretRef, path.at('nodePublishSecretRef')),
    ...validateSecretRef(source.nodeExpandSecretRef, path.at('nodeExpandSecretRef')),
  ];
}

function validateSecretRef(secret: SecretReference | undefined, path: FieldPath): FieldError[] {
  if (!secret) return [];
  return [
    ...(secret.name
      ? invalidFor(isDnsSubdomain(secret.name, false), secret.name, path.at('name'))
      : [required(path.at('name'))]),
    ...(secret.namespace
      ? invalidFor(isDnsLabel(secret.namespace, false), secret.namespace, path.at('namespace'))
      : [required(path.at('namespace'))]),
  ];
}
