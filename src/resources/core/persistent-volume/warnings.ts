import type { PersistentVolume, PersistentVolumeSpec } from '#machinery/types/core-v1.ts';
import { BETA_STORAGE_CLASS } from '../access-modes.ts';
import { DEPRECATED_NODE_LABELS } from '../pod/warnings.ts';

const DEPRECATED_SOURCES: Readonly<Record<string, string>> = {
  cephfs: 'spec.cephfs: deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'spec.photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'spec.scaleIO: deprecated in v1.16, non-functional in v1.22+',
  storageos: 'spec.storageOS: deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'spec.glusterfs: deprecated in v1.25, non-functional in v1.26+',
  rbd: 'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
};

const DEPRECATED_ANNOTATIONS: Readonly<Record<string, string>> = {
  [BETA_STORAGE_CLASS]: 'deprecated since v1.8; use "storageClassName" attribute instead',
  'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead',
};

export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): readonly string[] {
  return [
    ...Object.entries(DEPRECATED_ANNOTATIONS)
      .filter(([name]) => metadata.annotations?.[name] !== undefined)
      .map(([name, text]) => `metadata.annotations[${name}]: ${text}`),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...deprecatedTopology(spec),
    ...Object.entries(DEPRECATED_SOURCES).flatMap(([name, text]) => (name in spec ? [text] : [])),
  ];
}

function deprecatedTopology({ nodeAffinity }: PersistentVolumeSpec): string[] {
  return (nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap(({ matchExpressions }, term) =>
    (matchExpressions ?? []).flatMap(({ key }, index) => {
      const text = DEPRECATED_NODE_LABELS[key];
      const path = `spec.nodeAffinity.required.nodeSelectorTerms[${term}].matchExpressions[${index}].key`;
      return text ? [`${path}: ${key} is ${text}`] : [];
    }),
  );
}
