import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import { labelsCell } from '../../apps/workload.ts';
import { defaultService } from './defaults.ts';
import { isServiceName } from './service-name.ts';
import { alignClusterIps, dropTypeDependentFields, keepAllocated } from './type-change.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from './validation.ts';
import { serviceWarnings } from './warnings.ts';

/** One name and address for pods that come and go. Source: core/v1 API. */
export const service = defineResource('v1', 'Service', {
  plural: 'services',
  createOnUpdate: true,
  returnsDeleted: true,
  storagePath: 'services/specs',
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  shortNames: ['svc'],
  categories: ['all'],
  validateName: isServiceName,
  subresources: { status: { validateUpdate: validateServiceStatus } },
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },

  allColumns: [
    nameColumn,
    column('Type', ({ spec }) => spec.type ?? ''),
    column('Cluster-IP', ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || '<none>'),
    column('External-IP', externalCell),
    column('Port(s)', portsCell),
    ageColumn,
    wideColumn('Selector', ({ spec }) => labelsCell(spec.selector)),
  ],

  defaults: defaultService,
  prepareForCreate(draft) {
    draft.status = { loadBalancer: {} };
    alignClusterIps(draft, undefined);
    if (draft.spec.type === 'ExternalName') delete draft.spec.internalTrafficPolicy;
  },
  prepareForUpdate(draft, old) {
    alignClusterIps(draft, old);
    keepAllocated(draft, old);
    dropTypeDependentFields(draft, old);
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
});

function externalCell({ spec, status }: Service): string {
  const addresses = (status?.loadBalancer?.ingress ?? [])
    .map(({ ip, hostname }) => ip || hostname || '')
    .filter(Boolean);
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'LoadBalancer': {
      const all = [...new Set([...addresses].sort())].join(',');
      if (all.length === 0 && external.length === 0) return '<pending>';
      return [all, ...external].filter(Boolean).join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return external.length > 0 ? external.join(',') : '<none>';
  }
}

function portsCell({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.join(',') || '<none>';
}
