import type { PersistentVolume } from '#machinery/types/core-v1.ts';
import { defineController, done } from '#reconciler/controller.ts';
import { persistentVolume } from './persistent-volume.ts';

const FINALIZER = 'kubernetes.io/pv-protection';

/** A volume that was deleted goes when no claim is bound to it. Source: "Storage Object in Use Protection". */
export const volumeProtectionController = defineController('persistentvolume-protection-controller', {
  identity: 'pv-protection-controller',
  setup({ informers, watch }) {
    const volumes = informers.of(persistentVolume);
    watch(volumes, (volume) => (isReleasable(volume) ? [volume.metadata.name ?? ''] : []));
    return {
      async reconcile(name, { client }) {
        const volume = volumes.get(name);
        if (!volume || !isReleasable(volume)) return done;
        const finalizers = volume.metadata.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
        await client.update(persistentVolume, { ...volume, metadata: { ...volume.metadata, finalizers } });
        return done;
      },
    };
  },
});

/** Pure. */
export function isReleasable({ metadata, status }: PersistentVolume): boolean {
  const isProtected = metadata.finalizers?.includes(FINALIZER) ?? false;
  return metadata.deletionTimestamp !== undefined && isProtected && status.phase !== 'Bound';
}
