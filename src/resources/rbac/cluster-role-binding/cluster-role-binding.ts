import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { bindingColumns, defaultBinding, validateBinding, validateBindingUpdate } from '../rules.ts';

const ROLES = ['ClusterRole'];

/** Gives somebody a role everywhere. Source: rbac.authorization.k8s.io/v1 API. */
export const clusterRoleBinding = defineResource('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', {
  plural: 'clusterrolebindings',
  scope: 'cluster',
  metadataChecks: ['whole', 'changes'],
  createOnUpdate: true,
  validateName: isPathSegment,
  allColumns: bindingColumns,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, ROLES, false),
  validateUpdate: (binding, old) => [...validateBinding(binding, ROLES, false), ...validateBindingUpdate(binding, old)],
});
