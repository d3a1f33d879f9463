import { type FieldError, type FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { Volume } from '#machinery/types/core-v1.ts';
import { inRange, invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';

/** Volume sources that name a server or a disk somewhere. PersistentVolumes have the same, with references to secrets. */

type NetworkSource =
  | 'gcePersistentDisk'
  | 'awsElasticBlockStore'
  | 'iscsi'
  | 'glusterfs'
  | 'flocker'
  | 'rbd'
  | 'cinder'
  | 'cephfs'
  | 'quobyte'
  | 'fc'
  | 'flexVolume'
  | 'azureFile'
  | 'vsphereVolume'
  | 'photonPersistentDisk'
  | 'portworxVolume'
  | 'azureDisk'
  | 'storageos'
  | 'scaleIO';

/** The part that is the same in pods and in PersistentVolumes. */
type Source<Name extends NetworkSource> = Omit<NonNullable<Volume[Name]>, 'secretRef'> & {
  readonly secretRef?: { readonly name?: string } | null;
};

type Checks = { readonly [Name in NetworkSource]: (source: Source<Name>, path: FieldPath) => FieldError[] };

const MAX_CSI_DRIVER_NAME = 63;
const MAX_LUN = 255;
const MAX_PARTITION = 255;

export const networkVolumes: Checks = {
  gcePersistentDisk: ({ pdName, partition }, path) => [
    ...nonEmpty(pdName, path.at('pdName')),
    ...diskPartition(partition, path.at('partition')),
  ],
  awsElasticBlockStore: ({ volumeID, partition }, path) => [
    ...nonEmpty(volumeID, path.at('volumeID')),
    ...diskPartition(partition, path.at('partition')),
  ],
  iscsi: validateIscsi,
  glusterfs: ({ endpoints, path: target }, path) => [
    ...nonEmpty(endpoints, path.at('endpoints')),
    ...nonEmpty(target, path.at('path')),
  ],
  flocker: ({ datasetName, datasetUUID }, path) => {
    if (!datasetName && !datasetUUID) return [required(path, 'one of datasetName and datasetUUID is required')];
    if (datasetName && datasetUUID) {
      return [invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')];
    }
    return datasetName?.includes('/') ? [invalid(path.at('datasetName'), datasetName, "must not contain '/'")] : [];
  },
  rbd: ({ monitors, image }, path) => [
    ...((monitors ?? []).length === 0 ? [required(path.at('monitors'))] : []),
    ...nonEmpty(image, path.at('image')),
  ],
  cinder: ({ volumeID, secretRef }, path) => [
    ...nonEmpty(volumeID, path.at('volumeID')),
    ...(secretRef && !secretRef.name ? [required(path.at('secretRef', 'name'))] : []),
  ],
  cephfs: ({ monitors }, path) => ((monitors ?? []).length === 0 ? [required(path.at('monitors'))] : []),
  quobyte: validateQuobyte,
  fc: validateFc,
  flexVolume: ({ driver, options }, path) => [
    ...nonEmpty(driver, path.at('driver')),
    ...Object.keys(options ?? {})
      .sort()
      .filter((key) => isKubernetesDomain(key.split('/')[0] ?? ''))
      .map((key) => invalid(path.at('options').key(key), key, 'kubernetes.io/ and k8s.io/ prefixes are reserved')),
  ],
  azureFile: ({ secretName, shareName }, path) => [
    ...nonEmpty(secretName, path.at('secretName')),
    ...nonEmpty(shareName, path.at('shareName')),
  ],
  vsphereVolume: ({ volumePath }, path) => nonEmpty(volumePath, path.at('volumePath')),
  photonPersistentDisk: ({ pdID }, path) => nonEmpty(pdID, path.at('pdID')),
  portworxVolume: ({ volumeID }, path) => nonEmpty(volumeID, path.at('volumeID')),
  azureDisk: validateAzureDisk,
  storageos: (source, path) => [
    ...(source.volumeName
      ? invalidFor(isDnsSubdomain(source.volumeName, false), source.volumeName, path.at('volumeName'))
      : [required(path.at('volumeName'))]),
    ...(source.volumeNamespace
      ? invalidFor(isDnsSubdomain(source.volumeNamespace, false), source.volumeNamespace, path.at('volumeNamespace'))
      : []),
    ...(source.secretRef && !source.secretRef.name ? [required(path.at('secretRef', 'name'))] : []),
  ],
  scaleIO: ({ gateway, system, volumeName }, path) => [
    ...nonEmpty(gateway, path.at('gateway')),
    ...nonEmpty(system, path.at('system')),
    ...nonEmpty(volumeName, path.at('volumeName')),
  ],
};

function isKubernetesDomain(domain: string): boolean {
  return /(^|\.)(kubernetes|k8s)\.io$/.test(domain);
}

function diskPartition(partition: number | undefined, path: FieldPath): FieldError[] {
  return partition === undefined ? [] : inRange(partition, 0, MAX_PARTITION, path);
}

const IQN = /iqn\.\d{4}-\d{2}\.[A-Za-z0-9-.]+:[^,;*&$|\s]+$/;
const EUI = /^eui\.[0-9A-Fa-f]{16}$/;
const NAA = /^naa\.[0-9A-Fa-f]{32}$/;

function isIscsiName(name: string): boolean {
  return IQN.test(name) || EUI.test(name) || NAA.test(name);
}

function validateIscsi(source: Source<'iscsi'>, path: FieldPath): FieldError[] {
  const errors = nonEmpty(source.targetPortal, path.at('targetPortal'));
  if (!source.iqn) errors.push(required(path.at('iqn')));
  else if (!isIscsiName(source.iqn)) errors.push(invalid(path.at('iqn'), source.iqn, 'must be valid format'));
  errors.push(...inRange(source.lun ?? 0, 0, MAX_LUN, path.at('lun')));
  if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef) {
    errors.push(required(path.at('secretRef')));
  }
  if (source.initiatorName !== undefined && !isIscsiName(source.initiatorName)) {
    errors.push(invalid(path.at('initiatorname'), source.initiatorName, 'must be valid format'));
  }
  return errors;
}

function validateQuobyte({ registry, volume, tenant }: Source<'quobyte'>, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (!registry) {
    errors.push(required(path.at('registry'), 'must be a host:port pair or multiple pairs separated by commas'));
  } else if ((tenant ?? '').length >= 65) {
    errors.push(required(path.at('tenant'), 'must be a UUID and may not exceed a length of 64 characters'));
  } else if (registry.split(',').some((pair) => !/^[^:]*:[^:]*$/.test(pair) && !/^\[.*\]:\d+$/.test(pair))) {
    errors.push(
      invalid(path.at('registry'), registry, 'must be a host:port pair or multiple pairs separated by commas'),
    );
  }
  return [...errors, ...nonEmpty(volume, path.at('volume'))];
}

function validateFc({ targetWWNs, wwids, lun }: Source<'fc'>, path: FieldPath): FieldError[] {
  const targets = (targetWWNs ?? []).length;
  const ids = (wwids ?? []).length;
  const errors: FieldError[] = [];
  if (targets === 0 && ids === 0) {
    errors.push(required(path.at('targetWWNs'), 'must specify either targetWWNs or wwids, but not both'));
  }
  if (targets > 0 && ids > 0) {
    errors.push(invalid(path.at('targetWWNs'), targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  }
  if (targets === 0) return errors;
  if (lun === undefined) return [...errors, required(path.at('lun'), 'lun is required if targetWWNs is specified')];
  return [...errors, ...inRange(lun, 0, MAX_LUN, path.at('lun'))];
}

const CACHING_MODES = ['None', 'ReadOnly', 'ReadWrite'];
const DISK_KINDS = ['Dedicated', 'Managed', 'Shared'];

function validateAzureDisk(source: Source<'azureDisk'>, path: FieldPath): FieldError[] {
  const errors = [...nonEmpty(source.diskName, path.at('diskName')), ...nonEmpty(source.diskURI, path.at('diskURI'))];
  if (source.cachingMode !== undefined && !CACHING_MODES.includes(source.cachingMode)) {
    errors.push(notSupported(path.at('cachingMode'), source.cachingMode, CACHING_MODES));
  }
  if (source.kind !== undefined && !DISK_KINDS.includes(source.kind)) {
    errors.push(notSupported(path.at('kind'), source.kind, DISK_KINDS));
  }
  const uri = source.diskURI ?? '';
  if (source.kind === 'Managed' && !uri.startsWith('/subscriptions/')) {
    errors.push(
      notSupported(path.at('diskURI'), uri, [
        '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
      ]),
    );
  }
  if (source.kind !== 'Managed' && source.kind !== undefined && !uri.startsWith('https://')) {
    errors.push(
      notSupported(path.at('diskURI'), uri, [
        'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
      ]),
    );
  }
  return errors;
}

export function validateCsiDriverName(driver: string | undefined, path: FieldPath): FieldError[] {
  if (!driver) return [required(path)];
  const errors: FieldError[] = [];
  if (driver.length > MAX_CSI_DRIVER_NAME) {
    errors.push({
      type: 'FieldValueTooLong',
      field: path.toString(),
      message: `Too long: may not be more than ${MAX_CSI_DRIVER_NAME} bytes`,
    });
  }
  return [...errors, ...invalidFor(isDnsSubdomain(driver.toLowerCase(), false), driver, path)];
}
