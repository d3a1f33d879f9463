import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import { parseQuantity } from '#machinery/quantity.ts';
import type { HostPathVolumeSource, NFSVolumeSource, PodSpec, Volume } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, nonEmpty, optionalOneOf } from '#machinery/validation/basics.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { validateClaimTemplate } from '../../persistent-volume-claim/claim-spec.ts';
import { networkVolumes, validateCsiDriverName } from './network-volumes.ts';
import type { PodScope } from './options.ts';
import { validateLocalPath, validateNoBacksteps } from './paths.ts';
import { validateProjected } from './projected.ts';
import { fileMode, validateDownwardItems, validateItems } from './volume-items.ts';

/** Checks the volumes and gives those that are good: a mount of a bad one is not found. */
export function validateVolumes(
  spec: PodSpec,
  path: FieldPath,
  scope: PodScope,
): { readonly errors: FieldError[]; readonly good: ReadonlyMap<string, Volume> } {
  const good = new Map<string, Volume>();
  const errors = eachItem(spec.volumes, path, (volume, at) => {
    const found = [
      ...validateSource(volume, at, scope),
      ...(volume.name
        ? invalidFor(isDnsLabel(volume.name, false), volume.name, at.at('name'))
        : [required(at.at('name'))]),
      ...(good.has(volume.name) ? [duplicate(at.at('name'), volume.name)] : []),
    ];
    if (found.length === 0) good.set(volume.name, volume);
    return found;
  });
  return { errors, good };
}

type Check<Source> = (source: Source, path: FieldPath, scope: PodScope) => readonly FieldError[];
type SourceName = Exclude<keyof Volume, 'name'>;

/** Every source of a volume with its check, in upstream's order: the first one given counts. */
const SOURCES: { readonly [Name in SourceName]: Check<NonNullable<Volume[Name]>> } = {
  emptyDir: ({ sizeLimit }, path) =>
    sizeLimit !== undefined && parseQuantity(sizeLimit).nanos < 0n
      ? [forbidden(path.at('sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: validateHostPath,
  gitRepo: ({ repository, directory }, path) => [
    ...nonEmpty(repository, path.at('repository')),
    ...validateLocalPath(directory ?? '', path.at('directory')),
  ],
  gcePersistentDisk: networkVolumes.gcePersistentDisk,
  awsElasticBlockStore: networkVolumes.awsElasticBlockStore,
  secret: (source, path) => [
    ...nonEmpty(source.secretName, path.at('secretName')),
    ...fileMode(source.defaultMode, path.at('defaultMode')),
    ...validateItems(source.items, path.at('items')),
  ],
  nfs: validateNfs,
  iscsi: networkVolumes.iscsi,
  glusterfs: networkVolumes.glusterfs,
  flocker: networkVolumes.flocker,
  persistentVolumeClaim: ({ claimName }, path) => nonEmpty(claimName, path.at('claimName')),
  rbd: networkVolumes.rbd,
  cinder: networkVolumes.cinder,
  cephfs: networkVolumes.cephfs,
  quobyte: networkVolumes.quobyte,
  downwardAPI: (source, path) => [
    ...fileMode(source.defaultMode, path.at('defaultMode')),
    ...validateDownwardItems(source.items, path),
  ],
  fc: networkVolumes.fc,
  flexVolume: networkVolumes.flexVolume,
  configMap: (source, path) => [
    ...nonEmpty(source.name, path.at('name')),
    ...fileMode(source.defaultMode, path.at('defaultMode')),
    ...validateItems(source.items, path.at('items')),
  ],
  azureFile: networkVolumes.azureFile,
  vsphereVolume: networkVolumes.vsphereVolume,
  photonPersistentDisk: networkVolumes.photonPersistentDisk,
  portworxVolume: networkVolumes.portworxVolume,
  azureDisk: networkVolumes.azureDisk,
  storageos: networkVolumes.storageos,
  projected: validateProjected,
  scaleIO: networkVolumes.scaleIO,
  csi: ({ driver, nodePublishSecretRef }, path) => [
    ...validateCsiDriverName(driver, path.at('driver')),
    ...(nodePublishSecretRef && !nodePublishSecretRef.name ? [required(path.at('nodePublishSecretRef', 'name'))] : []),
  ],
  ephemeral: ({ volumeClaimTemplate }, path) =>
    volumeClaimTemplate
      ? validateClaimTemplate(volumeClaimTemplate, path.at('volumeClaimTemplate'))
      : [required(path.at('volumeClaimTemplate'))],
  image: ({ reference, pullPolicy }, path, scope) => [
    ...(reference || scope.template ? [] : [required(path.at('reference'))]),
    ...optionalOneOf(pullPolicy, ['Always', 'IfNotPresent', 'Never'], path.at('pullPolicy')),
  ],
};

const SOURCE_NAMES = Object.keys(SOURCES) as readonly SourceName[]; // the keys of a literal of that type

function validateSource(volume: Volume, path: FieldPath, scope: PodScope): FieldError[] {
  const given = SOURCE_NAMES.filter((name) => volume[name] !== undefined && volume[name] !== null);
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  return given.flatMap((name, index) =>
    index > 0
      ? [forbidden(path.at(name), 'may not specify more than 1 volume type')]
      : checkSource(volume, name, path.at(name), scope),
  );
}

function checkSource(volume: Volume, name: SourceName, path: FieldPath, scope: PodScope): readonly FieldError[] {
  const check = SOURCES[name] as Check<unknown>; // the source stands under the name of its check
  return check(volume[name], path, scope);
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function validateHostPath({ path: target, type }: HostPathVolumeSource, path: FieldPath): FieldError[] {
  if (!target) return [required(path.at('path'))];
  const errors = validateNoBacksteps(target, path.at('path'));
  if (type !== undefined && !HOST_PATH_TYPES.includes(type)) {
    errors.push(notSupported(path.at('type'), type, HOST_PATH_TYPES));
  }
  return errors;
}

export function validateNfs({ server, path: target }: NFSVolumeSource, path: FieldPath): FieldError[] {
  const errors = [...nonEmpty(server, path.at('server')), ...nonEmpty(target, path.at('path'))];
  if (!(target ?? '').startsWith('/')) errors.push(invalid(path.at('path'), target ?? '', 'must be an absolute path'));
  return errors;
}
