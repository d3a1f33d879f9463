import { FieldPath, required } from '#machinery/field-error.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { createdAtColumns, validateRules } from '../rules.ts';

/** What may be done everywhere. Source: rbac.authorization.k8s.io/v1 API. */
export const clusterRole = defineResource('rbac.authorization.k8s.io/v1', 'ClusterRole', {
  plural: 'clusterroles',
  scope: 'cluster',
  metadataChecks: ['whole', 'changes'],
  createOnUpdate: true,
  validateName: isPathSegment,
  allColumns: createdAtColumns,

  validate({ rules, aggregationRule }) {
    const path = FieldPath.of('aggregationRule', 'clusterRoleSelectors');
    const selectors = aggregationRule?.clusterRoleSelectors ?? [];
    return [
      ...validateRules(rules, false),
      ...(aggregationRule && selectors.length === 0
        ? [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
        : eachItem(selectors, path, (selector, at) => validateLabelSelector(selector, at))),
    ];
  },
});
