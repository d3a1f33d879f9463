import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Lease } from '#machinery/types/coordination-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';

const SPEC = FieldPath.of('spec');

/** Who holds something, and until when. Source: coordination.k8s.io/v1 API. */
export const lease = defineResource('coordination.k8s.io/v1', 'Lease', {
  plural: 'leases',
  scope: 'namespaced',
  createOnUpdate: true,
  unconditionalUpdate: false,

  columns: [column('Holder', ({ spec }) => spec?.holderIdentity ?? '')],

  prepareForCreate({ spec }, { featureOn }) {
    if (featureOn('CoordinatedLeaderElection') || !spec) return;
    delete spec.strategy;
    delete spec.preferredHolder;
  },
  prepareForUpdate({ spec }, old, { featureOn }) {
    if (featureOn('CoordinatedLeaderElection') || !spec) return;
    if (old.spec?.strategy === undefined) delete spec.strategy;
    if (old.spec?.preferredHolder === undefined) delete spec.preferredHolder;
  },
  validate: validateLease,
});

function validateLease({ spec }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  const { leaseDurationSeconds, leaseTransitions, preferredHolder, strategy } = spec ?? {};
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid(SPEC.at('leaseDurationSeconds'), leaseDurationSeconds, 'must be greater than 0'));
  }
  errors.push(...nonNegative(leaseTransitions, SPEC.at('leaseTransitions')));
  if (preferredHolder && !strategy) {
    errors.push(forbidden(SPEC.at('preferredHolder'), 'may only be specified if `strategy` is defined'));
  }
  return errors;
}
