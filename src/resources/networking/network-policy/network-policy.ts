import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { compileLabelSelector, showLabelSelector } from '#machinery/selectors/labels.ts';
import { validateNetworkPolicy } from './validation.ts';

/** Which traffic pods take and send. Source: networking.k8s.io/v1 API. */
export const networkPolicy = defineResource('networking.k8s.io/v1', 'NetworkPolicy', {
  plural: 'networkpolicies',
  scope: 'namespaced',
  shortNames: ['netpol'],
  hasGeneration: true,
  allColumns: [
    nameColumn,
    column('Pod-Selector', ({ spec }) => showLabelSelector(compileLabelSelector(spec.podSelector)) || '<none>'),
    ageColumn,
  ],

  /** A policy is about incoming traffic, and about outgoing traffic where it has such rules. */
  defaults(draft) {
    draft.spec ??= { podSelector: {} };
    const { spec } = draft;
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
    }
    if ((spec.policyTypes ?? []).length > 0) return;
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate: validateNetworkPolicy,
});
