import type { Draft } from '#machinery/object.ts';
import type { Volume } from '#machinery/types/core-v1.ts';
import { pullPolicyOf } from './pull-policy.ts';

/** Mode of projected files where nothing is said: rw-r--r--. */
const FILE_MODE = 0o644;

/** Source: core/v1 API, Volume. A volume without a source is an emptyDir. */
export function defaultVolume(volume: Draft<Volume>): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) {
    if (source) source.defaultMode ??= FILE_MODE;
  }
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference ?? '');
  defaultFiles(volume.downwardAPI?.items);
  for (const source of volume.projected?.sources ?? []) {
    defaultFiles(source.downwardAPI?.items);
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    if (source.podCertificate) source.podCertificate.maxExpirationSeconds ??= 86_400;
  }
  const claim = volume.ephemeral?.volumeClaimTemplate;
  if (claim) {
    claim.spec.volumeMode ??= 'Filesystem';
    claim.spec.resources ??= {};
  }
  defaultNetworkVolume(volume);
}

function defaultFiles(items: NonNullable<Draft<Volume>['downwardAPI']>['items']): void {
  for (const item of items ?? []) {
    if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
    if (item.resourceFieldRef) item.resourceFieldRef.divisor ||= '0';
  }
}

/** The sources that pods and PersistentVolumes share, but for how they name secrets. */
interface NetworkSources extends Pick<Draft<Volume>, 'azureDisk'> {
  readonly iscsi?: { iscsiInterface?: string };
  readonly rbd?: { pool?: string; user?: string; keyring?: string };
  readonly scaleIO?: { storageMode?: string; fsType?: string };
}

export function defaultNetworkVolume({ iscsi, rbd, azureDisk, scaleIO }: NetworkSources): void {
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) defaultRbd(rbd);
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) defaultScaleIO(scaleIO);
}

function defaultRbd(rbd: { pool?: string; user?: string; keyring?: string }): void {
  rbd.pool ||= 'rbd';
  rbd.user ||= 'admin';
  rbd.keyring ||= '/etc/ceph/keyring';
}

function defaultScaleIO(scaleIO: { storageMode?: string; fsType?: string }): void {
  scaleIO.storageMode ||= 'ThinProvisioned';
  scaleIO.fsType ||= 'xfs';
}
