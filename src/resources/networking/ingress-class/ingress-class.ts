import { defineResource } from '#machinery/resource/define.ts';

export const ingressClass = defineResource('networking.k8s.io/v1', 'IngressClass', {
  plural: 'ingressclasses',
  scope: 'cluster',
});
