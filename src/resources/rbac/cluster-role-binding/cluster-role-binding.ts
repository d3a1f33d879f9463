import { defineResource } from '#machinery/resource/define.ts';

export const clusterRoleBinding = defineResource('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', {
  plural: 'clusterrolebindings',
  scope: 'cluster',
});
