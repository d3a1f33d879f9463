import { semanticEqual } from '#machinery/equality.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts';

/** How many ports and addresses a cell shows. */
const SHOWN = 3;

/** Addresses behind a Service, in slices of bounded size. Source: discovery.k8s.io/v1 API. */
export const endpointSlice = defineResource('discovery.k8s.io/v1', 'EndpointSlice', {
  plural: 'endpointslices',
  scope: 'namespaced',
  metadataChecks: ['whole'],
  hasGeneration: true,

  allColumns: [
    nameColumn,
    column('AddressType', ({ addressType }) => addressType),
    column('Ports', portsCell),
    column('Endpoints', addressesCell),
    ageColumn,
  ],

  defaults(draft) {
    for (const port of draft.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },

  /** The old topology labels are of v1beta1 and cannot be set any more. */
  prepareForCreate(draft) {
    for (const endpoint of draft.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
  prepareForUpdate(draft, old) {
    const kept = (old.endpoints ?? []).some(({ deprecatedTopology }) => deprecatedTopology);
    if (!kept) for (const endpoint of draft.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
  /** Labels count too: they say whose slice it is. */
  generationChanged: (now, old) => !semanticEqual(contentOf(now), contentOf(old)),
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
});

function contentOf({ addressType, endpoints, ports, metadata }: EndpointSlice): object {
  return { addressType, endpoints: endpoints ?? [], ports: ports ?? [], labels: metadata.labels ?? {} };
}

function firstOf(texts: readonly string[]): string {
  if (texts.length === 0) return '<unset>';
  const more = texts.length > SHOWN ? ` + ${texts.length - SHOWN} more...` : '';
  return texts.slice(0, SHOWN).join(',') + more;
}

function portsCell({ ports }: EndpointSlice): string {
  return firstOf((ports ?? []).map(({ name, port }) => (port === undefined ? name || '*' : String(port))));
}

function addressesCell({ endpoints }: EndpointSlice): string {
  return firstOf((endpoints ?? []).flatMap(({ addresses }) => addresses ?? []));
}
