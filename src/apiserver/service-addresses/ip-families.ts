import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import { invalidError } from '#machinery/status.ts';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import { validateAddresses } from '#resources/core/service/addresses.ts';
import { familyOf, type IpFamily } from './address-range.ts';

const SPEC = FieldPath.of('spec');
const POLICY = SPEC.at('ipFamilyPolicy');

type Spec = ServiceSpec | Draft<ServiceSpec>;

/**
 * `clusterIP` and `clusterIPs[0]` are one thing; clients that know only the former set both with it. What else they got
 * wrong is left for validation.
 */
export function linkClusterIps(draft: Draft<Service>, old: Service | undefined): void {
  const { spec } = draft;
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  if ((old.spec.clusterIP ?? '') === (spec.clusterIP ?? '') || !same(old.spec.clusterIPs, spec.clusterIPs)) return;
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
  else delete spec.clusterIPs;
}

/**
 * Fills in families and policy from what the client said, what the service had and what the cluster has (`families`,
 * the default first). Throws StatusError 422. Source: KEP-563 and upstream's answers.
 */
export function settleFamilies(draft: Draft<Service>, old: Service | undefined, families: readonly IpFamily[]): void {
  const { spec } = draft;
  if (spec.type === 'ExternalName' || prefersAsBefore(spec, old?.spec)) return;
  spec.ipFamilyPolicy ??=
    old?.spec.ipFamilyPolicy ?? (isHeadlessWithoutSelector(spec) ? 'RequireDualStack' : 'SingleStack');
  refuse(draft, validateAddresses(spec));
  const errors = old ? checkReduction(spec, old.spec) : [];
  errors.push(...checkSingleStack(spec), ...inferFamilies(spec, families));
  refuse(draft, errors);
  if (isHeadlessWithoutSelector(spec)) {
    spec.ipFamilies = completed(spec, families, ['IPv4', 'IPv6']);
    return;
  }
  refuse(draft, checkConfigured(spec, families));
  spec.ipFamilies = completed(spec, families, families);
}

function refuse({ metadata }: Draft<Service>, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError('', 'Service', metadata.name ?? '', errors);
}

/** A service that took what it could get keeps it when the cluster gets another family or loses one. */
function prefersAsBefore(spec: Spec, old: Spec | undefined): boolean {
  return (
    old !== undefined &&
    spec.type === old.type &&
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    (old.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    same(spec.clusterIPs, old.clusterIPs) &&
    same(spec.ipFamilies, old.ipFamilies)
  );
}

/** Going back to one family needs to be said; then what was not changed otherwise is cut down here. */
function checkReduction(spec: Draft<ServiceSpec>, old: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (spec.clusterIPs && same(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    if (spec.ipFamilies && same(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies = spec.ipFamilies.slice(0, 1);
    return [];
  }
  const errors: FieldError[] = [];
  if (isReduced(spec.clusterIPs, old.clusterIPs)) {
    errors.push(invalid(POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"));
  }
  if (isReduced(spec.ipFamilies, old.ipFamilies)) {
    errors.push(invalid(POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"));
  }
  return errors;
}

function checkSingleStack({ ipFamilyPolicy, clusterIPs, ipFamilies }: Spec): FieldError[] {
  if (ipFamilyPolicy !== 'SingleStack') return [];
  const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
  return [
    ...(clusterIPs?.length === 2 ? [invalid(POLICY, ipFamilyPolicy, `${must} cluster IPs are specified`)] : []),
    ...(ipFamilies?.length === 2 ? [invalid(POLICY, ipFamilyPolicy, `${must} IP families are specified`)] : []),
  ];
}

/** Addresses that the client chose say which families it wants. */
function inferFamilies(spec: Draft<ServiceSpec>, families: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  const known = spec.ipFamilies?.length ?? 0;
  for (const [at, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None') break;
    if (at < known) continue;
    const family = familyOf(address);
    if (families.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else {
      errors.push(
        invalid(SPEC.at('clusterIPs').index(at), spec.clusterIPs, `${family} is not configured on this cluster`),
      );
    }
  }
  return errors;
}

function checkConfigured({ ipFamilyPolicy, ipFamilies }: Spec, families: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    errors.push(invalid(POLICY, ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  }
  for (const [at, family] of (ipFamilies ?? []).entries()) {
    if (families.includes(family)) continue;
    errors.push(invalid(SPEC.at('ipFamilies').index(at), family, 'not configured on this cluster'));
  }
  return errors;
}

/** The families of a service: those it has or the default one, with the other of `available` where it may have two. */
function completed(spec: Spec, families: readonly IpFamily[], available: readonly IpFamily[]): string[] {
  const own = spec.ipFamilies?.length ? [...spec.ipFamilies] : families.slice(0, 1);
  if (spec.ipFamilyPolicy === 'SingleStack' || own.length > 1) return own;
  return [...own, ...available.filter((family) => !own.includes(family))];
}

/** Nobody knows which addresses its endpoints will have. */
function isHeadlessWithoutSelector({ clusterIP, selector }: Spec): boolean {
  return clusterIP === 'None' && Object.keys(selector ?? {}).length === 0;
}

function same(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return (one ?? []).join() === (other ?? []).join();
}

function isReduced(now: readonly string[] | undefined, before: readonly string[] | undefined): boolean {
  return now !== undefined && now.length > 0 && now.length < (before?.length ?? 0);
}
