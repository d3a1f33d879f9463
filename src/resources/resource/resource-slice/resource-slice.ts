import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';

/** Devices that a driver offers on a node. Source: resource.k8s.io/v1 API, KEP-4381. */
export const resourceSlice = defineResource('resource.k8s.io/v1', 'ResourceSlice', {
  plural: 'resourceslices',
  scope: 'cluster',
  hasGeneration: true,
  returnsDeleted: true,
  otherVersions: { v1beta1: {}, v1beta2: {} },
  allColumns: [
    nameColumn,
    column('Node', ({ spec }) => spec.nodeName ?? '<unset>'),
    column('Driver', ({ spec }) => spec.driver),
    column('Pool', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
});
