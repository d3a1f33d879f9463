import { defineResource } from '#machinery/resource/define.ts';

export const ingress = defineResource('networking.k8s.io/v1', 'Ingress', {
  plural: 'ingresses',
  scope: 'namespaced',
  shortNames: ['ing'],
  storagePath: 'ingress',
  subresources: { status: true },
});
