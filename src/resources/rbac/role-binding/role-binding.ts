import { defineResource } from '#machinery/resource/define.ts';

export const roleBinding = defineResource('rbac.authorization.k8s.io/v1', 'RoleBinding', {
  plural: 'rolebindings',
  scope: 'namespaced',
});
