import { FieldPath } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { keepMetadata } from '#machinery/resource/status-metadata.ts';
import type { ResourceClaim } from '#machinery/types/resource-v1.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { defaultClaimSpec } from '../claim-spec.ts';
import { validateClaimSpec } from '../claim-validation.ts';

const SPEC = FieldPath.of('spec');

/** A workload's request for devices. Source: resource.k8s.io/v1 API, KEP-4381. */
export const resourceClaim = defineResource('resource.k8s.io/v1', 'ResourceClaim', {
  plural: 'resourceclaims',
  scope: 'namespaced',
  returnsDeleted: true,
  otherVersions: { v1beta1: {}, v1beta2: {} },
  allColumns: [nameColumn, column('State', stateCell), ageColumn],
  subresources: { status: { prepareForUpdate: keepMetadata } },

  defaults({ spec }) {
    defaultClaimSpec(spec);
  },
  prepareForCreate(draft) {
    draft.status = {};
  },
  validate: ({ spec }) => validateClaimSpec(spec ?? {}, SPEC),
  validateUpdate: (claim, old) => validateImmutable(claim.spec, old.spec, SPEC),
});

function stateCell({ metadata, status }: ResourceClaim): string {
  const states = metadata.deletionTimestamp ? ['deleted'] : [];
  if (!status?.allocation) return [...states, ...(metadata.deletionTimestamp ? [] : ['pending'])].join(',');
  states.push('allocated');
  if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}
