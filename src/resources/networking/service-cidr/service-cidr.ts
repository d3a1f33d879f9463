import { type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { ServiceCIDR } from '#machinery/types/networking-v1.ts';
import { keepMetadata } from '#machinery/resource/status-metadata.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isCanonicalCidr, parseCidr } from '#machinery/validation/net.ts';

const CIDRS = FieldPath.of('spec', 'cidrs');
const IMMUTABLE = 'field is immutable';

/** Ranges that addresses of services are taken from. Source: networking.k8s.io/v1 API, KEP-1880. */
export const serviceCIDR = defineResource('networking.k8s.io/v1', 'ServiceCIDR', {
  plural: 'servicecidrs',
  scope: 'cluster',
  otherVersions: { v1beta1: {} },
  allColumns: [nameColumn, column('CIDRs', (each) => cidrsOf(each).join(',')), ageColumn],
  subresources: { status: { prepareForUpdate: keepMetadata } },

  prepareForCreate(draft) {
    draft.status = {};
  },
  validate: (each) => validateCidrs(cidrsOf(each)),
  validateUpdate: validateServiceCidrUpdate,
});

function cidrsOf({ spec }: ServiceCIDR): readonly string[] {
  return spec?.cidrs ?? [];
}

function validateCidrs(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [required(CIDRS, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(CIDRS, cidrs, 'may only hold up to 2 values')];
  const [first, second] = cidrs.map(parseCidr);
  if (first && second && first.family === second.family) {
    const detail = 'may specify no more than one CIDR for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96';
    return [invalid(CIDRS, cidrs, detail)];
  }
  return eachItem(cidrs, CIDRS, isCanonicalCidr);
}

/** A range stays; one of the other family may join it. */
function validateServiceCidrUpdate(each: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const cidrs = cidrsOf(each);
  const before = cidrsOf(old);
  if (cidrs.length === before.length) {
    return eachItem(cidrs, CIDRS, (cidr, path, index) =>
      cidr === before[index] ? [] : [invalid(path, cidr, IMMUTABLE)],
    );
  }
  if (before.length !== 1 || cidrs.length !== 2) return [invalid(CIDRS, cidrs, IMMUTABLE)];
  const changed = cidrs[0] === before[0] ? [] : [invalid(CIDRS.index(0), cidrs[0], IMMUTABLE)];
  return [...changed, ...validateCidrs(cidrs)];
}
