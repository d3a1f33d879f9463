import type { Draft } from '#machinery/object.ts';
import type { PersistentVolume } from '#machinery/types/core-v1.ts';
import { roundQuantities } from '../pod/defaults.ts';
import { defaultNetworkVolume } from '../pod/volume-defaults.ts';

/** What a volume's author left out. Source: core/v1 API, PersistentVolumeSpec. */
export function defaultPersistentVolume(volume: Draft<PersistentVolume>): void {
  volume.status ??= {};
  volume.status.phase ||= 'Pending';
  volume.spec ??= {};
  const { spec } = volume;
  spec.persistentVolumeReclaimPolicy ||= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.hostPath) spec.hostPath.type ??= '';
  roundQuantities(spec.capacity);
  defaultNetworkVolume(spec);
}
