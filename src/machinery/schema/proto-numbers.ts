import type { FieldFacts } from './table.ts';

type Place = Pick<FieldFacts, 'proto' | 'protoVia'>;

const RULE: Readonly<Record<string, Place>> = {
  operations: { proto: 1, protoVia: [2] },
  apiGroups: { proto: 1, protoVia: [2, 2] },
  apiVersions: { proto: 2, protoVia: [2, 2] },
  resources: { proto: 3, protoVia: [2, 2] },
  scope: { proto: 4, protoVia: [2, 2] },
};

const NUMBERS: Readonly<Record<string, Readonly<Record<string, Place>>>> = {
  'io.k8s.api.admissionregistration.v1alpha1.NamedRuleWithOperations': RULE,
  'io.k8s.api.admissionregistration.v1beta1.NamedRuleWithOperations': RULE,
  'io.k8s.api.authentication.v1.BoundObjectReference': { uid: { proto: 4 } },
  'io.k8s.api.networking.v1.IngressClassParametersReference': { apiGroup: { proto: 1 } },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps': {
    $schema: { proto: 2 },
    $ref: { proto: 3 },
    'x-kubernetes-preserve-unknown-fields': { proto: 38 },
    'x-kubernetes-embedded-resource': { proto: 39 },
    'x-kubernetes-int-or-string': { proto: 40 },
    'x-kubernetes-list-map-keys': { proto: 41 },
    'x-kubernetes-list-type': { proto: 42 },
    'x-kubernetes-map-type': { proto: 43 },
    'x-kubernetes-validations': { proto: [44, 'ValidationRule'] },
  },
};

/** Places on the wire that the fact tables lack, because there the field has another name than in JSON. */
export function missingPlace(type: string, field: string): Place | undefined {
  return NUMBERS[type]?.[field];
}
