import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

export const apiService = defineResource('apiregistration.k8s.io/v1', 'APIService', {
  plural: 'apiservices',
  scope: 'cluster',
  validateName: isPathSegment,
  categories: ['api-extensions'],
  storagePath: 'apiregistration.k8s.io/apiservices',
  subresources: { status: true },
});
