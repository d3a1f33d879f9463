import { draftOf } from '#machinery/object.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Node } from '#machinery/types/core-v1.ts';
import { roundQuantities } from '../pod/defaults.ts';
import { isNodeName } from './node-name.ts';
import { validateNode, validateNodeStatus, validateNodeUpdate } from './validation.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE = 'kubernetes.io/role';
const NONE = '<none>';
const UNKNOWN = '<unknown>';

/** A machine that runs pods. Source: core/v1 API. */
export const node = defineResource('v1', 'Node', {
  plural: 'nodes',
  storagePath: 'minions',
  scope: 'cluster',
  shortNames: ['no'],
  validateName: isNodeName,
  subresources: {
    status: {
      prepareForUpdate(draft, old) {
        draft.spec = draftOf(old.spec);
        if (!old.status?.config) delete draft.status?.config;
      },
      validateUpdate: validateNodeStatus,
    },
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },

  allColumns: [
    nameColumn,
    column('Status', statusCell),
    column('Roles', rolesCell),
    ageColumn,
    column('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', (node) => address(node, 'InternalIP')),
    wideColumn('External-IP', (node) => address(node, 'ExternalIP')),
    wideColumn('OS-Image', ({ status }) => status?.nodeInfo?.osImage || UNKNOWN),
    wideColumn('Kernel-Version', kernelCell),
    wideColumn('Container-Runtime', ({ status }) => status?.nodeInfo?.containerRuntimeVersion || UNKNOWN),
  ],

  /** All of a machine is free to be given out unless it says otherwise. */
  defaults({ spec, status }) {
    if (spec?.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    if (spec && !spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (!status) return;
    roundQuantities(status.capacity);
    roundQuantities(status.allocatable);
    if (status.capacity && Object.keys(status.allocatable ?? {}).length === 0)
      status.allocatable = { ...status.capacity };
  },

  /** Configuration of a kubelet out of a ConfigMap was taken back. */
  prepareForCreate(draft) {
    if (draft.spec) delete draft.spec.configSource;
    if (draft.status) delete draft.status.config;
  },
  prepareForUpdate(draft, old) {
    if (draft.spec && !old.spec?.configSource) delete draft.spec.configSource;
  },
  validate: validateNode,
  validateUpdate: (node, old) => [...validateNode(node), ...validateNodeUpdate(node, old)],
  warnings: ({ spec }, old) =>
    spec?.externalID && !old?.spec?.externalID
      ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes']
      : [],
});

function statusCell({ spec, status }: Node): string {
  const ready = (status?.conditions ?? []).find(({ type }) => type === 'Ready');
  const words = [!ready ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function kernelCell({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  if (!kernelVersion) return UNKNOWN;
  return architecture ? `${kernelVersion} (${architecture})` : kernelVersion;
}

function rolesCell({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE && value) roles.add(value);
  }
  return [...roles].sort().join(',') || NONE;
}

function address({ status }: Node, kind: string): string {
  return status?.addresses?.find(({ type }) => type === kind)?.address || NONE;
}
