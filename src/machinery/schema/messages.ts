import { type FactType, type FieldFacts, protoFacts, type TypeFacts } from './table.ts';

/**
 * Types that the API exchanges but does not describe in OpenAPI (options of list, get, create, ..., partial metadata,
 * admission reviews), made from their protobuf messages. Keyed by the name OpenAPI would give them.
 */
export function messageFacts(): Readonly<Record<string, TypeFacts>> {
  facts ??= build();
  return facts;
}

let facts: Readonly<Record<string, TypeFacts>> | undefined;

const PREFIX = 'k8s.io.';

/** Messages that stand by themselves and so carry apiVersion and kind in JSON, with their group and version. */
const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  'apimachinery.pkg.apis.meta.v1.ApplyOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.CreateOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.GetOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.List': ['', 'v1'],
  'apimachinery.pkg.apis.meta.v1.ListOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.PartialObjectMetadata': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.PatchOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.TableOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1.UpdateOptions': ['meta.k8s.io', 'v1'],
  'apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList': ['meta.k8s.io', 'v1beta1'],
  'api.admission.v1.AdmissionReview': ['admission.k8s.io', 'v1'],
  'api.apidiscovery.v2.APIGroupDiscovery': ['apidiscovery.k8s.io', 'v2'],
  'api.apidiscovery.v2.APIGroupDiscoveryList': ['apidiscovery.k8s.io', 'v2'],
};

/** Fields whose absence differs from their zero. */
const POINTERS: ReadonlySet<string> = new Set([
  'ApplyOptions.force',
  'PatchOptions.force',
  'ListOptions.sendInitialEvents',
  'ListOptions.timeoutSeconds',
  'AdmissionRequest.dryRun',
  'AdmissionRequest.requestKind',
  'AdmissionRequest.requestResource',
  'AdmissionResponse.patchType',
  'AdmissionResponse.status',
  'AdmissionReview.request',
  'AdmissionReview.response',
  'APIResourceDiscovery.responseKind',
  'APISubresourceDiscovery.responseKind',
]);

/** Scalars that are written even when empty. */
const ALWAYS: ReadonlySet<string> = new Set([
  'AdmissionRequest.operation',
  'AdmissionRequest.uid',
  'AdmissionResponse.allowed',
  'AdmissionResponse.uid',
  'GroupKind.group',
  'GroupKind.kind',
  'GroupVersion.group',
  'GroupVersion.version',
  'GroupVersionKind.group',
  'GroupVersionKind.kind',
  'GroupVersionKind.version',
  'GroupVersionResource.group',
  'GroupVersionResource.resource',
  'GroupVersionResource.version',
]);

const JSON_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'integer:int32',
  int64: 'integer:int64',
  bytes: 'string:byte',
  'map<string,string>': 'map',
};

function build(): Readonly<Record<string, TypeFacts>> {
  const types: Record<string, TypeFacts> = {};
  for (const [message, fields] of Object.entries(protoFacts())) {
    const path = message.slice(PREFIX.length);
    const short = path.slice(path.lastIndexOf('.') + 1);
    const compiled: Record<string, FieldFacts> = {};
    for (const [name, field] of Object.entries(fields)) {
      compiled[name] = fieldFacts(`${short}.${name}`, path.slice(0, path.lastIndexOf('.')), field);
    }
    const kind = KINDS[path];
    if (kind) {
      for (const name of ['apiVersion', 'kind']) compiled[name] = { type: 'string', zero: 'nonempty' };
    }
    types[`io.k8s.${path}`] = { fields: compiled, ...(kind ? { gvk: [...kind, short] } : {}) };
  }
  return types;
}

function fieldFacts(key: string, scope: string, [number, type, label]: readonly [number, string, string]): FieldFacts {
  const known = JSON_TYPES[type];
  const proto: readonly [number, string] = [number, type];
  if (known === 'map') return { type: { map: 'string' }, zero: 'nonempty', proto };
  const element: FactType = known ?? definition(type, scope);
  if (label === 'repeated') return { type: [element], zero: key.endsWith('.items') ? 'null' : 'nonempty', proto };
  const zero =
    POINTERS.has(key) || type.endsWith('RawExtension') ? 'pointer' : !known || ALWAYS.has(key) ? 'always' : 'nonempty';
  return { type: element, zero, proto };
}

/** Full names begin with a dot; others are of the same package. */
function definition(type: string, scope: string): string {
  return type.startsWith('.') ? `io.k8s.${type.slice(1 + PREFIX.length)}` : `io.k8s.${scope}.${type}`;
}
