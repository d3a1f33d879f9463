import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

export const role = defineResource('rbac.authorization.k8s.io/v1', 'Role', {
  plural: 'roles',
  scope: 'namespaced',
  validateName: isPathSegment,
});
