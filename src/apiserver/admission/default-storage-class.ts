import type { Draft } from '#machinery/object.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';
import { storageClass } from '#resources/storage/storage-class/storage-class.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin } from './admission.ts';
import { newestDefault } from './newest-default.ts';

const ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const;
const OLD_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** Fills in the class of claims that name none. Source: "Storage Classes", default StorageClass. */
export function defaultStorageClass(listers: Listers): AdmissionPlugin {
  const classes = listers(storageClass);
  return {
    name: 'DefaultStorageClass',
    admit(request) {
      const isClaim = request.group === '' && request.resource === 'persistentvolumeclaims' && !request.subresource;
      if (!isClaim || request.operation !== 'CREATE' || !request.object) return;
      const claim = request.object as Draft<PersistentVolumeClaim>;
      if (claim.spec.storageClassName !== undefined) return;
      if (claim.metadata.annotations?.[OLD_CLASS_ANNOTATION] !== undefined) return;
      const name = newestDefault(classes.list(), ANNOTATIONS)?.metadata.name;
      if (name) claim.spec.storageClassName = name;
    },
  };
}
