import { defineResource } from '#machinery/resource/define.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { createdAtColumns, validateRules } from '../rules.ts';

/** What may be done in one namespace. Source: rbac.authorization.k8s.io/v1 API. */
export const role = defineResource('rbac.authorization.k8s.io/v1', 'Role', {
  plural: 'roles',
  scope: 'namespaced',
  metadataChecks: ['whole', 'changes'],
  createOnUpdate: true,
  validateName: isPathSegment,
  allColumns: createdAtColumns,
  validate: ({ rules }) => validateRules(rules, true),
});
