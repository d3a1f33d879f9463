import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

export const clusterRoleBinding = defineResource('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', {
  plural: 'clusterrolebindings',
  scope: 'cluster',
  validateName: isPathSegment,
});
