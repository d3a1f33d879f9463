import { defineResource } from '#machinery/resource/define.ts';

export const role = defineResource('rbac.authorization.k8s.io/v1', 'Role', {
  plural: 'roles',
  scope: 'namespaced',
});
