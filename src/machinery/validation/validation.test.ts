import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldPath } from '../field-error.ts';
import { isLabelValue, isQualifiedName, validateLabelSelector } from './labels.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './metadata.ts';
import { isDnsSubdomain } from './names.ts';
import { canonicalIp, cidrContains, ipFamily, isNetworkAddress, isPortName, parseCidr } from './net.ts';

const path = FieldPath.of('metadata');

function fields(errors: readonly { readonly field: string; readonly type: string }[]): readonly string[] {
  return errors.map(({ field, type }) => `${field} ${type}`);
}

test('metadata: good metadata passes', () => {
  const meta = { name: 'a', namespace: 'b', labels: { 'x.io/a': '' }, finalizers: ['x.io/f', 'orphan'] };
  assert.deepEqual(validateObjectMeta(meta, true, isDnsSubdomain, path), []);
});

test('metadata: each wrong field is named', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true };
  const meta = {
    namespace: 'b',
    labels: { '/': 'x', a: '-' },
    finalizers: ['nobody', 'orphan', 'foregroundDeletion'],
    ownerReferences: [owner, { ...owner, uid: '' }],
    managedFields: [{ operation: 'Nope', manager: 'a\n' }],
  };
  assert.deepEqual(fields(validateObjectMeta(meta, false, isDnsSubdomain, path)), [
    'metadata.name FieldValueRequired',
    'metadata.namespace FieldValueForbidden',
    'metadata.labels FieldValueInvalid',
    'metadata.labels FieldValueInvalid',
    'metadata.labels FieldValueInvalid',
    'metadata.labels FieldValueInvalid',
    'metadata.ownerReferences.uid FieldValueInvalid',
    'metadata.ownerReferences FieldValueInvalid',
    'metadata.finalizers[0] FieldValueInvalid',
    'metadata.finalizers FieldValueInvalid',
    'metadata.managedFields[0].operation FieldValueInvalid',
    'metadata.managedFields[0].manager FieldValueInvalid',
  ]);
});

test('metadata: an update keeps identity and adds no finalizer to what is being deleted', () => {
  const old = { name: 'a', uid: '1', resourceVersion: '5', deletionTimestamp: '2020-01-01T00:00:00Z' };
  assert.deepEqual(validateObjectMetaUpdate(old, old, path), []);
  assert.deepEqual(fields(validateObjectMetaUpdate({ ...old, uid: '2', finalizers: ['x.io/f'] }, old, path)), [
    'metadata.finalizers FieldValueForbidden',
    'metadata.uid FieldValueInvalid',
  ]);
});

test('labels: keys and values', () => {
  for (const good of ['a', 'a.b/c', 'A_b-c.d']) assert.deepEqual(isQualifiedName(good), [], good);
  for (const bad of ['', '/a', 'a/', 'a/b/c', 'A.b/c', '-a', 'x'.repeat(64)])
    assert.notDeepEqual(isQualifiedName(bad), [], bad);
  assert.deepEqual(isLabelValue(''), []);
  assert.notDeepEqual(isLabelValue('a b'), []);
  const selector = {
    matchExpressions: [
      { key: 'a', operator: 'In' },
      { key: 'b', operator: 'Is' },
    ],
  };
  assert.deepEqual(fields(validateLabelSelector(selector, FieldPath.of('s'))), [
    's.matchExpressions[0].values FieldValueRequired',
    's.matchExpressions[1].operator FieldValueInvalid',
  ]);
});

test('net: addresses, networks and port names', () => {
  assert.deepEqual(['1.2.3.4', '01.2.3.4', '::1', 'fe80::1%eth0', '1.2.3'].map(ipFamily), [
    4,
    undefined,
    6,
    undefined,
    undefined,
  ]);
  assert.equal(canonicalIp('2001:DB8:0:0::1'), '2001:db8::1');
  const cidr = parseCidr('10.0.0.1/8');
  assert.ok(cidr && !isNetworkAddress(cidr) && cidrContains(cidr, '10.9.9.9') && !cidrContains(cidr, '11.0.0.1'));
  assert.equal(parseCidr('10.0.0.0/33'), undefined);
  assert.deepEqual(isPortName('http'), []);
  assert.notDeepEqual(isPortName('80'), []);
});
