import { type FieldError, FieldPath, forbidden, notSupported, required, tooLong } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { IngressClass, IngressClassParametersReference } from '#machinery/types/networking-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { isDomainPrefixedPath } from '#machinery/validation/net.ts';
import { validateObjectReference } from '../object-reference.ts';

const SPEC = FieldPath.of('spec');
const MAX_CONTROLLER = 250;
const SCOPES = ['Cluster', 'Namespace'];

/** Who implements Ingresses. Source: networking.k8s.io/v1 API. */
export const ingressClass = defineResource('networking.k8s.io/v1', 'IngressClass', {
  plural: 'ingressclasses',
  scope: 'cluster',
  hasGeneration: true,
  allColumns: [
    nameColumn,
    column('Controller', ({ spec }) => spec.controller ?? ''),
    column('Parameters', parametersCell),
    ageColumn,
  ],

  defaults(draft) {
    if (draft.spec?.parameters) draft.spec.parameters.scope ??= 'Cluster';
  },
  validate: validateIngressClass,
  validateUpdate: (each, old) => [
    ...validateImmutable(each.spec.controller, old.spec.controller, SPEC.at('controller')),
    ...validateIngressClass(each),
  ],
});

function parametersCell({ spec }: IngressClass): string {
  const { apiGroup, kind, name } = spec.parameters ?? {};
  if (kind === undefined) return '<none>';
  return `${apiGroup === undefined ? kind : `${kind}.${apiGroup}`}/${name}`;
}

function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const controller = spec.controller ?? '';
  const path = SPEC.at('controller');
  return [
    ...(controller.length > MAX_CONTROLLER ? [tooLong(path, MAX_CONTROLLER)] : []),
    ...isDomainPrefixedPath(controller, path),
    ...(spec.parameters ? validateParameters(spec.parameters, SPEC.at('parameters')) : []),
  ];
}

function validateParameters(parameters: IngressClassParametersReference, path: FieldPath): FieldError[] {
  const errors = validateObjectReference(parameters, path);
  const { scope, namespace } = parameters;
  const at = path.at('namespace');
  if (scope === null || scope === undefined) return [...errors, required(path.at('scope'))];
  if (!SCOPES.includes(scope)) return [...errors, notSupported(path.at('scope'), scope, SCOPES)];
  if (scope === 'Cluster') {
    return namespace === undefined ? errors : [...errors, forbidden(at, "`parameters.scope` is set to 'Cluster'")];
  }
  if (namespace === undefined) return [...errors, required(at, "`parameters.scope` is set to 'Namespace'")];
  return [...errors, ...invalidFor(isDnsLabel(namespace, false), namespace, at)];
}
