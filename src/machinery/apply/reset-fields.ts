import { emptySet, type FieldSet, setOf, union, withoutBranches } from './field-set.ts';
import type { FieldFilter } from './updater.ts';

/** What the filter depends on. `hasStatus`: the resource has a status subresource. */
export interface ResetScope {
  readonly group: string;
  readonly plural: string;
  /** '' for the resource itself. */
  readonly subresource: string;
  readonly hasStatus: boolean;
  readonly custom?: boolean;
}

const METADATA_AND_SPEC = setOf(['metadata'], ['spec']);

/** Where upstream resets other fields than `status` (by the resource) and `spec` (by its status). By resource path. */
const SPECIAL: Readonly<Record<string, FieldSet>> = {
  'pods/status': setOf(['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']),
  'deployments.apps/status': setOf(['spec'], ['metadata', 'labels']),
  'customresourcedefinitions.apiextensions.k8s.io/status': METADATA_AND_SPEC,
  'apiservices.apiregistration.k8s.io/status': METADATA_AND_SPEC,
  'volumeattachments.storage.k8s.io/status': METADATA_AND_SPEC,
  'storageversions.internal.apiserver.k8s.io/status': METADATA_AND_SPEC,
  'validatingadmissionpolicies.admissionregistration.k8s.io/status': METADATA_AND_SPEC,
  'resourceclaims.resource.k8s.io/status': METADATA_AND_SPEC,
  'servicecidrs.networking.k8s.io/status': METADATA_AND_SPEC,
  'certificatesigningrequests.certificates.k8s.io/status': setOf(['spec'], ['metadata']),
  'certificatesigningrequests.certificates.k8s.io/approval': setOf(['spec'], ['metadata'], ['status', 'certificate']),
  'namespaces/finalize': setOf(['status']),
  'networkpolicies.networking.k8s.io/': emptySet,
};

/** Subresources that write only these branches of the object. */
const ONLY: Readonly<Record<string, (set: FieldSet) => FieldSet>> = {
  'pods/ephemeralcontainers': (set) => branch(set, ['f:spec', 'f:ephemeralContainers']),
  'pods/resize': resizeFields,
};

/** What a request to a (sub)resource cannot own, because the server resets it. */
export function resetFilter({ group, plural, subresource, hasStatus, custom }: ResetScope): FieldFilter {
  const key = `${group ? `${plural}.${group}` : plural}/${subresource}`;
  const only = ONLY[key];
  if (only) return only;
  const reset = SPECIAL[key] ?? defaultReset(subresource, hasStatus, custom ?? false);
  return reset === emptySet ? (set) => set : (set) => withoutBranches(set, reset);
}

function defaultReset(subresource: string, hasStatus: boolean, custom: boolean): FieldSet {
  if (subresource === 'status') return custom ? METADATA_AND_SPEC : setOf(['spec']);
  return subresource === '' && hasStatus ? setOf(['status']) : emptySet;
}

/** The part of a set that lies at or below a path. */
function branch(set: FieldSet, [step, ...rest]: readonly string[]): FieldSet {
  if (step === undefined) return set;
  const child = set.children.get(step);
  const below = child ? branch(child, rest) : emptySet;
  return below.member || below.children.size > 0 ? { member: false, children: new Map([[step, below]]) } : emptySet;
}

const RESIZABLE_LISTS = ['f:containers', 'f:initContainers'];
const RESIZABLE_FIELDS = ['f:resources', 'f:resizePolicy'];

function resizeFields(set: FieldSet): FieldSet {
  let result = branch(set, ['f:spec', 'f:resources']);
  for (const list of RESIZABLE_LISTS) {
    const items = set.children.get('f:spec')?.children.get(list)?.children ?? new Map<string, FieldSet>();
    for (const item of items.keys()) {
      for (const field of RESIZABLE_FIELDS) result = union(result, branch(set, ['f:spec', list, item, field]));
    }
  }
  return result;
}
