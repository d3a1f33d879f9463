import type { Pod } from '#machinery/types/core-v1.ts';
import { persistentVolume } from '#resources/core/persistent-volume/persistent-volume.ts';
import { isMirrorPod } from '#resources/core/pod/mirror.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import { resourceSlice } from '#resources/resource/resource-slice/resource-slice.ts';
import { volumeAttachment } from '#resources/storage/volume-attachment/volume-attachment.ts';
import type { Listers } from '../../listers.ts';
import { podReferences, volumeSecrets } from '../../pod-references.ts';

/** Kinds of objects that nodes may read where one of their pods needs them. */
export type Related =
  | 'pods'
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'resourceclaims'
  | 'serviceaccounts'
  | 'volumeattachments'
  | 'resourceslices';

/**
 * Answers from the objects themselves, not from a graph kept beside them: what a node may read changes in the same
 * moment as its pods do. The cost is the pods of one namespace (for volumes also the volumes) a question.
 */
export class Relationships {
  readonly #listers: Listers;

  constructor(listers: Listers) {
    this.#listers = listers;
  }

  /** Whether `node` runs something that needs the object. */
  has(node: string, kind: Related, namespace: string, name: string): boolean {
    switch (kind) {
      case 'pods':
        return this.#listers(pods).get(name, namespace)?.spec.nodeName === node;
      case 'persistentvolumes':
        return this.#needsVolume(node, name);
      case 'volumeattachments':
        return this.#listers(volumeAttachment).get(name)?.spec.nodeName === node;
      case 'resourceslices':
        return this.#listers(resourceSlice).get(name)?.spec.nodeName === node;
      case 'secrets':
        return (
          this.#somePod(node, namespace, (pod) => podReferences(pod).secrets.has(name)) ||
          this.#secretOfVolume(node, namespace, name)
        );
      case 'configmaps':
        return this.#somePod(node, namespace, (pod) => podReferences(pod).configMaps.has(name));
      case 'persistentvolumeclaims':
        return this.#somePod(node, namespace, (pod) => podReferences(pod).claims.has(name));
      case 'resourceclaims':
        return this.#somePod(node, namespace, (pod) => podReferences(pod).resourceClaims.has(name));
      case 'serviceaccounts':
        return this.#somePod(node, namespace, (pod) => pod.spec.serviceAccountName === name);
    }
  }

  /** Mirror pods are made by nodes: they must not open anything to them. */
  #somePod(node: string, namespace: string, needs: (pod: Pod) => boolean): boolean {
    return this.#listers(pods)
      .list(namespace)
      .some((pod) => pod.spec.nodeName === node && !isMirrorPod(pod) && needs(pod));
  }

  #needsVolume(node: string, name: string): boolean {
    const claim = this.#listers(persistentVolume).get(name)?.spec.claimRef;
    return Boolean(
      claim?.namespace && claim.name && this.has(node, 'persistentvolumeclaims', claim.namespace, claim.name),
    );
  }

  #secretOfVolume(node: string, namespace: string, name: string): boolean {
    const wanted = `${namespace}/${name}`;
    return this.#listers(persistentVolume)
      .list()
      .some((volume) => volumeSecrets(volume).has(wanted) && this.#needsVolume(node, volume.metadata.name ?? ''));
  }
}
