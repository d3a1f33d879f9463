import { defineResource } from '#machinery/resource/define.ts';

export const endpointSlice = defineResource('discovery.k8s.io/v1', 'EndpointSlice', {
  plural: 'endpointslices',
  scope: 'namespaced',
  createOnUpdate: true,
});
