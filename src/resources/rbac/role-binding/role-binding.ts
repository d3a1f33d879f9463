import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { bindingColumns, defaultBinding, validateBinding, validateBindingUpdate } from '../rules.ts';

const ROLES = ['Role', 'ClusterRole'];

/** Gives somebody a role in one namespace. Source: rbac.authorization.k8s.io/v1 API. */
export const roleBinding = defineResource('rbac.authorization.k8s.io/v1', 'RoleBinding', {
  plural: 'rolebindings',
  scope: 'namespaced',
  metadataChecks: ['whole', 'changes'],
  createOnUpdate: true,
  validateName: isPathSegment,
  allColumns: bindingColumns,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, ROLES, true),
  validateUpdate: (binding, old) => [...validateBinding(binding, ROLES, true), ...validateBindingUpdate(binding, old)],
});
