import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import type { IpFamily } from './address-range.ts';
import { linkClusterIps, settleFamilies } from './ip-families.ts';

function draftWith(spec: Draft<ServiceSpec>): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'n' },
    spec: { type: 'ClusterIP', ...spec },
    status: { loadBalancer: {} },
  };
}

/** Families and policy of a new or changed service, or the fields that are refused. */
function settled(spec: Draft<ServiceSpec>, families: readonly IpFamily[] = ['IPv4'], old?: ServiceSpec): unknown {
  const draft = draftWith(spec);
  const before = old && draftWith({ ...(old as Draft<ServiceSpec>) });
  try {
    linkClusterIps(draft, before);
    settleFamilies(draft, before, families);
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return (error.status.details?.causes ?? []).map(({ field }) => field);
  }
  const { ipFamilies, ipFamilyPolicy } = draft.spec;
  return [ipFamilyPolicy, ...(ipFamilies ?? [])];
}

const headless = { clusterIP: 'None' };
const dual: readonly IpFamily[] = ['IPv4', 'IPv6'];

test('families: what a new service gets on a cluster with one', () => {
  assert.deepEqual(settled({}), ['SingleStack', 'IPv4']);
  assert.deepEqual(settled({ ipFamilyPolicy: 'PreferDualStack' }), ['PreferDualStack', 'IPv4']);
  assert.deepEqual(settled({ ipFamilyPolicy: 'RequireDualStack' }), ['spec.ipFamilyPolicy']);
  assert.deepEqual(settled({ ipFamilies: ['IPv6'] }), ['spec.ipFamilies[0]']);
  assert.deepEqual(settled({ clusterIP: 'fd00::1' }), ['spec.clusterIPs[0]']);
  assert.deepEqual(settled({ ipFamilies: ['IPv6'], clusterIP: '10.43.0.9' }), ['spec.clusterIPs[0]']);
  assert.deepEqual(settled({ type: 'ExternalName' }), [undefined]);
});

test('families: on a cluster with two', () => {
  assert.deepEqual(settled({}, dual), ['SingleStack', 'IPv4']);
  assert.deepEqual(settled({ ipFamilyPolicy: 'PreferDualStack' }, dual), ['PreferDualStack', 'IPv4', 'IPv6']);
  const six = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] };
  assert.deepEqual(settled(six, dual), ['RequireDualStack', 'IPv6', 'IPv4']);
  assert.deepEqual(settled({ ipFamilies: ['IPv4', 'IPv6'] }, dual), ['spec.ipFamilyPolicy']);
});

test('families: a headless service without selector may have both on any cluster', () => {
  assert.deepEqual(settled(headless), ['RequireDualStack', 'IPv4', 'IPv6']);
  assert.deepEqual(settled({ ...headless, ipFamilies: ['IPv6'] }), ['RequireDualStack', 'IPv6', 'IPv4']);
  assert.deepEqual(settled({ ...headless, ipFamilyPolicy: 'SingleStack' }), ['SingleStack', 'IPv4']);
  assert.deepEqual(settled({ ...headless, selector: { a: 'b' } }), ['SingleStack', 'IPv4']);
});

test('families: an update without a policy keeps the old one; going back to one family is said', () => {
  const ips = { clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.9', 'fd00::9'] };
  const old = { ...ips, type: 'ClusterIP', ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] };
  assert.deepEqual(settled(structuredClone(ips), dual, old), ['RequireDualStack', 'IPv4', 'IPv6']);
  const less = { clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.9'], ipFamilies: ['IPv4'] };
  assert.deepEqual(settled(less, dual, old), ['spec.ipFamilyPolicy', 'spec.ipFamilyPolicy']);
  const single = { ...structuredClone(old), ipFamilyPolicy: 'SingleStack' };
  assert.deepEqual(settled(single, dual, old), ['SingleStack', 'IPv4']);
});
