import { duplicate, type FieldError, FieldPath, forbidden, invalid, notSupported } from '#machinery/field-error.ts';
import type { ServiceSpec } from '#machinery/types/core-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { ipFamily, isValidIp } from '#machinery/validation/net.ts';

const SPEC = FieldPath.of('spec');
const FAMILIES = ['IPv4', 'IPv6'];
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** Cluster addresses and their families, as far as they can be judged without the ranges of the cluster. */
export function validateAddresses(spec: ServiceSpec): FieldError[] {
  const { ipFamilies = [], ipFamilyPolicy, clusterIPs = [] } = spec;
  if (spec.type === 'ExternalName') {
    return [
      ...(ipFamilies.length > 0 ? [forbidden(SPEC.at('ipFamilies'), 'may not be set for ExternalName services')] : []),
      ...(ipFamilyPolicy !== undefined
        ? [forbidden(SPEC.at('ipFamilyPolicy'), 'may not be set for ExternalName services')]
        : []),
    ];
  }
  return [...validateFamilies(ipFamilies, ipFamilyPolicy), ...validateIps(spec, clusterIPs)];
}

function validateFamilies(families: readonly string[], policy: string | undefined): FieldError[] {
  const path = SPEC.at('ipFamilies');
  const seen = new Set<string>();
  const errors = eachItem(families, path, (family, at) => {
    if (!FAMILIES.includes(family)) return [notSupported(at, family, FAMILIES)];
    if (seen.has(family)) return [duplicate(at, family)];
    seen.add(family);
    return [];
  });
  if (families.length > 2 && errors.length === 0) errors.push(invalid(path, families, 'may only hold up to 2 values'));
  if (policy !== undefined && !FAMILY_POLICIES.includes(policy)) {
    errors.push(notSupported(SPEC.at('ipFamilyPolicy'), policy, FAMILY_POLICIES));
  }
  return errors;
}

function validateIps({ clusterIP = '', ipFamilies = [] }: ServiceSpec, clusterIPs: readonly string[]): FieldError[] {
  const path = SPEC.at('clusterIPs');
  const errors: FieldError[] = [];
  if (clusterIPs.length > 0 && !clusterIP) {
    errors.push(invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  } else if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP) {
    errors.push(invalid(path, clusterIPs, 'first value must match `clusterIP`'));
  } else if (clusterIPs.length === 0 && clusterIP && clusterIP !== 'None') {
    errors.push(...isValidIp(clusterIP, path.index(0)));
  }
  errors.push(
    ...eachItem(clusterIPs, path, (ip, at, index) => {
      if (ip === 'None') {
        if (index > 0) return [invalid(at, ip, "'None' must be the first and only value")];
        return clusterIPs.length > 1 ? [invalid(path, clusterIPs, "'None' must be the first and only value")] : [];
      }
      return isValidIp(ip, at);
    }),
  );
  if (clusterIPs.length > 2) errors.push(invalid(path, clusterIPs, 'may only hold up to 2 values'));
  const families = clusterIPs.map((ip) => ipFamily(ip)).filter((family) => family !== undefined);
  if (errors.length === 0 && clusterIP !== 'None') errors.push(...matchFamilies(clusterIPs, ipFamilies));
  if (clusterIPs.length === 2 && families.length === 2 && families[0] === families[1]) {
    errors.push(invalid(path, clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  return errors;
}

/** Addresses and families stand in the same order. */
function matchFamilies(clusterIPs: readonly string[], families: readonly string[]): FieldError[] {
  return clusterIPs.flatMap((ip, at) => {
    const family = families[at];
    if (family === undefined || family === `IPv${ipFamily(ip)}`) return [];
    const path = SPEC.at('clusterIPs').index(at);
    return [invalid(path, ip, `expected an ${family} value as indicated by \`ipFamilies[${at}]\``)];
  });
}

function hasClusterIp({ type }: ServiceSpec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';
}

/** The first address and family stay for as long as the service has any. */
export function validateAddressesUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (!hasClusterIp(old) || !hasClusterIp(spec)) return [];
  const errors: FieldError[] = [];
  const before = old.clusterIP;
  const now = spec.clusterIP;
  if (before && now !== before) {
    errors.push(invalid(SPEC.at('clusterIPs').index(0), now ?? '', 'may not change once set'));
  }
  const family = old.ipFamilies?.[0];
  if (family && spec.ipFamilies?.[0] && spec.ipFamilies[0] !== family) {
    errors.push(invalid(SPEC.at('ipFamilies').index(0), spec.ipFamilies[0], 'may not change once set'));
  }
  return errors;
}
