import type { AdmissionPlugin } from './admission.ts';

/** The finalizer of each kind that must not go while something uses it. */
const FINALIZERS: Readonly<Record<string, string>> = {
  '/persistentvolumeclaims': 'kubernetes.io/pvc-protection',
  '/persistentvolumes': 'kubernetes.io/pv-protection',
  'storage.k8s.io/volumeattributesclasses': 'kubernetes.io/vac-protection',
};

/** Claims and volumes stay while they are used. Source: "Persistent Volumes", storage object in use protection. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit({ operation, group, resource, subresource, object }) {
    const finalizer = FINALIZERS[`${group}/${resource}`];
    if (!finalizer || operation !== 'CREATE' || subresource || !object) return;
    const there = object.metadata.finalizers ?? [];
    if (!there.includes(finalizer)) object.metadata.finalizers = [...there, finalizer];
  },
};
