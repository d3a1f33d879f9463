import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Ingress } from '#machinery/types/networking-v1.ts';
import { validateIngressStatus } from './status.ts';
import { validateIngress, validateNewIngress } from './validation.ts';

const SHOWN_HOSTS = 3;
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** Routes of HTTP from outside to services. Source: networking.k8s.io/v1 API. */
export const ingress = defineResource('networking.k8s.io/v1', 'Ingress', {
  plural: 'ingresses',
  scope: 'namespaced',
  shortNames: ['ing'],
  storagePath: 'ingress',
  hasGeneration: true,
  allColumns: [
    nameColumn,
    column('Class', ({ spec }) => spec.ingressClassName ?? '<none>'),
    column('Hosts', hostsCell),
    column('Address', addressCell),
    column('Ports', ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],

  prepareForCreate(draft) {
    draft.status = { loadBalancer: {} };
  },
  validate: validateNewIngress,
  validateUpdate: validateIngress,
  warnings({ metadata, spec }, old) {
    return old || spec.ingressClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] === undefined
      ? []
      : [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`];
  },

  subresources: { status: { validateUpdate: validateIngressStatus } },
});

function hostsCell({ spec }: Ingress): string {
  const rules = spec.rules ?? [];
  const hosts = rules.flatMap(({ host }) => (host ? [host] : []));
  if (hosts.length === 0) return '*';
  const shown = hosts.slice(0, SHOWN_HOSTS).join(',');
  return hosts.length > SHOWN_HOSTS ? `${shown} + ${rules.length - SHOWN_HOSTS} more...` : shown;
}

function addressCell({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
  return [...new Set(addresses)].sort().join(',');
}
