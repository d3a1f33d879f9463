import { defineResource } from '#machinery/resource/define.ts';

export const networkPolicy = defineResource('networking.k8s.io/v1', 'NetworkPolicy', {
  plural: 'networkpolicies',
  scope: 'namespaced',
  shortNames: ['netpol'],
});
