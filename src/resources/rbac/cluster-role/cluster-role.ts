import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';

export const clusterRole = defineResource('rbac.authorization.k8s.io/v1', 'ClusterRole', {
  plural: 'clusterroles',
  scope: 'cluster',
  validateName: isPathSegment,
});
