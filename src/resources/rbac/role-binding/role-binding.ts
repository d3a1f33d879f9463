import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

export const roleBinding = defineResource('rbac.authorization.k8s.io/v1', 'RoleBinding', {
  plural: 'rolebindings',
  scope: 'namespaced',
  validateName: isPathSegment,
});
