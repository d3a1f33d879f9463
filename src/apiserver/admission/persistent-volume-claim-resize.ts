import { compareQuantities, parseQuantity } from '#machinery/quantity.ts';
import type { PersistentVolumeClaim } from '#machinery/types/core-v1.ts';
import { storageClass } from '#resources/storage/storage-class/storage-class.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin } from './admission.ts';
import { refusal } from './refuse.ts';

/** Claims grow only where their class says that it can grow them. Source: "Persistent Volumes", expanding claims. */
export function persistentVolumeClaimResize(listers: Listers): AdmissionPlugin {
  const classes = listers(storageClass);
  return {
    name: 'PersistentVolumeClaimResize',
    validate(request) {
      const isClaim = request.group === '' && request.resource === 'persistentvolumeclaims' && !request.subresource;
      if (!isClaim || request.operation !== 'UPDATE') return;
      const claim = request.object as PersistentVolumeClaim | undefined;
      const old = request.oldObject as PersistentVolumeClaim | undefined;
      if (!claim || !old || compareQuantities(sizeOf(claim), sizeOf(old)) <= 0) return;
      if (old.status?.phase !== 'Bound') {
        throw refusal(request, 'Only bound persistent volume claims can be expanded');
      }
      const name = old.spec.storageClassName;
      if (!name || !classes.get(name)?.allowVolumeExpansion) {
        const why =
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
        throw refusal(request, why);
      }
    },
  };
}

function sizeOf(claim: PersistentVolumeClaim) {
  return parseQuantity(String(claim.spec.resources?.requests?.['storage'] ?? '0'));
}
