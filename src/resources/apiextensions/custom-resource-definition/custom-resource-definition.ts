import { defineResource } from '#machinery/resource/define.ts';

export const customResourceDefinition = defineResource('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {
  plural: 'customresourcedefinitions',
  scope: 'cluster',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  storagePath: 'apiextensions.k8s.io/customresourcedefinitions',
  subresources: { status: true },
});
