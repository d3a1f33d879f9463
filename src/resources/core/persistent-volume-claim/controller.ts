import type { PersistentVolumeClaim, Pod } from '#machinery/types/core-v1.ts';
import { defineController, done } from '#reconciler/controller.ts';
import { keyOf, splitKey } from '#reconciler/owners.ts';
import { pod } from '../pod/pod.ts';
import { persistentVolumeClaim } from './persistent-volume-claim.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';

/** A claim that was deleted goes when no pod uses it any more. Source: "Storage Object in Use Protection". */
export const claimProtectionController = defineController('persistentvolumeclaim-protection-controller', {
  identity: 'pvc-protection-controller',
  setup({ informers, watch }) {
    const claims = informers.of(persistentVolumeClaim);
    const pods = informers.of(pod);
    watch(claims, (claim) => (awaitsRelease(claim) ? [keyOf(claim)] : []));
    watch(pods, (user) => claimsOf(user).map((name) => `${user.metadata.namespace}/${name}`));
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const claim = claims.get(name, namespace);
        if (!claim || !awaitsRelease(claim) || pods.list(namespace).some((user) => usesClaim(user, name))) return done;
        const finalizers = claim.metadata.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
        await client.update(persistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, finalizers } });
        return done;
      },
    };
  },
});

function awaitsRelease({ metadata }: PersistentVolumeClaim): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers?.includes(FINALIZER) ?? false);
}

/** A pod that has no node yet does not count: no node starts it with a claim that is going. Pure. */
export function usesClaim(user: Pod, claimName: string): boolean {
  return Boolean(user.spec.nodeName) && claimsOf(user).includes(claimName);
}

function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral ? [`${metadata.name}-${volume.name}`] : [];
  });
}
