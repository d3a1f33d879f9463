import type { Draft } from '#machinery/object.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import type { PersistentVolumeClaimSpec } from '#machinery/types/core-v1.ts';

/** `dataSource` and its successor `dataSourceRef` say the same where they can. Source: KEP-1495, KEP-3294. */

type Spec = Draft<PersistentVolumeClaimSpec>;

/** The old field only ever meant claims and snapshots; anything else in it is dropped, unless it was stored so. */
export function dropForeignDataSource(spec: Spec, old: PersistentVolumeClaimSpec | undefined): void {
  if (!spec.dataSource || spec.dataSourceRef || old?.dataSource || old?.dataSourceRef) return;
  const { apiGroup, kind } = spec.dataSource;
  const claim = kind === 'PersistentVolumeClaim' && !apiGroup;
  const snapshot = kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
  if (!claim && !snapshot) delete spec.dataSource;
}

export function mirrorDataSource(spec: Spec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...rest } = dataSourceRef;
    spec.dataSource = rest;
  }
}

export function dropNamespaceOfDataSource(
  spec: Spec,
  old: PersistentVolumeClaimSpec | undefined,
  featureOn: WriteContext['featureOn'],
): void {
  if (featureOn('CrossNamespaceVolumeDataSource') || old?.dataSourceRef?.namespace !== undefined) return;
  if (spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
}
