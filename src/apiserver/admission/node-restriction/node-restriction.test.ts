import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import { createAuthorization } from '../../authorization/authorization.ts';
import { fixedListers } from '../../fixed-listers.ts';
import type { AdmissionRequest } from '../admission.ts';
import { nodeRestriction } from './node-restriction.ts';

const NODE = object('Node', { name: 'n1', uid: 'node-1', labels: { a: 'b' } }, { spec: { taints: [{ key: 't' }] } });
const OWN = podOn('n1', 'own');
const OTHER = podOn('n2', 'other');

const listers = fixedListers([NODE, OWN, OTHER]);
const plugin = nodeRestriction(listers, createAuthorization(listers).authorizer);

function object(kind: string, metadata: object, more: object = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata, ...more };
}

function podOn(nodeName: string, name: string): KubeObject {
  const token = {
    projected: {
      sources: [{ serviceAccountToken: { path: 't' } }, { serviceAccountToken: { path: 'v', audience: 'vault' } }],
    },
  };
  return object(
    'Pod',
    { name, namespace: 'shop', uid: `uid-${name}` },
    { spec: { nodeName, serviceAccountName: 'app', volumes: [{ name: 't', ...token }] } },
  );
}

function mirror(spec: object = {}, metadata: object = {}): KubeObject {
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-1', controller: true };
  return object(
    'Pod',
    {
      name: 'static-n1',
      namespace: 'shop',
      annotations: { 'kubernetes.io/config.mirror': 'x' },
      ownerReferences: [owner],
      ...metadata,
    },
    { spec: { nodeName: 'n1', containers: [{ name: 'c' }], ...spec } },
  );
}

interface Write {
  readonly resource: string;
  readonly operation?: AdmissionRequest['operation'];
  readonly object?: KubeObject;
  readonly old?: KubeObject;
  readonly name?: string;
  readonly user?: AdmissionRequest['user'];
}

const AS_NODE = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

async function refusalOf({ resource, operation = 'CREATE', object: written, old, name, user = AS_NODE }: Write) {
  const [path = '', group = ''] = resource.split(' in ');
  const [plural = '', subresource = ''] = path.split('/');
  try {
    await plugin.admit?.({
      operation,
      group,
      version: 'v1',
      resource: plural,
      subresource,
      kind: written?.kind ?? '',
      namespace: (written ?? old)?.metadata.namespace ?? 'shop',
      name: name ?? (written ?? old)?.metadata.name ?? '',
      user,
      dryRun: false,
      object: written as Draft<KubeObject> | undefined,
      oldObject: old,
      options: undefined,
      warn: () => {},
    });
    return 'allowed';
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}

const lease = (name: string, namespace = 'kube-node-lease') => object('Lease', { name, namespace });
const tokenFor = (name: string, uid: string | undefined, audiences?: string[]) =>
  object(
    'TokenRequest',
    { name: '', namespace: 'shop' },
    { spec: { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } } },
  );
const nodeWith = (metadata: object, spec: object = { taints: [{ key: 't' }] }) =>
  object('Node', { name: 'n1', uid: 'node-1', labels: { a: 'b' }, ...metadata }, { spec });
const statusOf = (pod: KubeObject, metadata: object, status: object): KubeObject =>
  ({ ...pod, metadata: { ...pod.metadata, ...metadata }, status }) as KubeObject;

const cases: readonly (readonly [string, Write, RegExp | 'allowed'])[] = [
  ['a mirror pod of its own', { resource: 'pods', object: mirror() }, 'allowed'],
  ['another user is not looked at', { resource: 'pods', object: OTHER, user: { name: 'jane', groups: [] } }, 'allowed'],
  [
    'a node that is not in the group',
    { resource: 'pods', object: OTHER, user: { name: 'system:node:n1', groups: [] } },
    'allowed',
  ],
  [
    'a node without a name',
    { resource: 'pods', object: mirror(), user: { ...AS_NODE, name: 'system:node:' } },
    /could not determine node/,
  ],
  ['an ordinary pod', { resource: 'pods', object: OWN }, /can only create mirror pods/],
  [
    'a mirror pod of another node',
    { resource: 'pods', object: mirror({ nodeName: 'n2' }) },
    /spec\.nodeName set to itself/,
  ],
  [
    'a mirror pod without owner',
    { resource: 'pods', object: mirror({}, { ownerReferences: [] }) },
    /an owner reference set to itself/,
  ],
  [
    'a mirror pod of a node that was made anew',
    {
      resource: 'pods',
      object: mirror(
        {},
        { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'x', controller: true }] },
      ),
    },
    /UID mismatch/,
  ],
  [
    'a mirror pod that reads a secret',
    { resource: 'pods', object: mirror({ initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 's' } }] }] }) },
    /reference secrets/,
  ],
  [
    'a mirror pod that reads a config map',
    { resource: 'pods', object: mirror({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }) },
    /reference configmaps/,
  ],
  [
    'a mirror pod with a claim',
    { resource: 'pods', object: mirror({ volumes: [{ name: 'v', ephemeral: {} }] }) },
    /persistentvolumeclaim/,
  ],
  [
    'a mirror pod with a service account',
    { resource: 'pods', object: mirror({ serviceAccountName: 'app' }) },
    /a service account/,
  ],
  [
    'a mirror pod with devices (CVE-2025-4563)',
    { resource: 'pods', object: mirror({ resourceClaims: [{ name: 'd', resourceClaimName: 'x' }] }) },
    /resourceclaims/,
  ],
  ['deletes its pod', { resource: 'pods', operation: 'DELETE', old: OWN }, 'allowed'],
  ['deletes a pod of another node', { resource: 'pods', operation: 'DELETE', old: OTHER }, /only delete pods/],
  ['updates a pod', { resource: 'pods', operation: 'UPDATE', object: OWN, old: OWN }, /unexpected operation/],
  [
    'reports its pod',
    { resource: 'pods/status', operation: 'UPDATE', object: statusOf(OWN, {}, { phase: 'Running' }), old: OWN },
    'allowed',
  ],
  [
    'reports a pod of another node',
    { resource: 'pods/status', operation: 'UPDATE', object: OTHER, old: OTHER },
    /only update pod status/,
  ],
  [
    'labels a pod through its status',
    { resource: 'pods/status', operation: 'UPDATE', object: statusOf(OWN, { labels: { a: 'b' } }, {}), old: OWN },
    /cannot update labels/,
  ],
  [
    'takes devices through status',
    {
      resource: 'pods/status',
      operation: 'UPDATE',
      object: statusOf(OWN, {}, { resourceClaimStatuses: [{ name: 'a', resourceClaimName: 'b' }] }),
      old: OWN,
    },
    /resource claim statuses/,
  ],
  ['evicts its pod', { resource: 'pods/eviction', name: 'own' }, 'allowed'],
  ['evicts a pod of another node', { resource: 'pods/eviction', name: 'other' }, /only evict pods/],
  ['binds a pod', { resource: 'pods/binding', name: 'own' }, /unexpected pod subresource "binding"/],
  [
    'registers itself',
    {
      resource: 'nodes',
      object: nodeWith({
        labels: { 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': 'z', 'example.com/x': 'y' },
      }),
    },
    'allowed',
  ],
  [
    'registers another',
    { resource: 'nodes', object: object('Node', { name: 'n2' }) },
    /not allowed to modify node "n2"/,
  ],
  [
    'takes a restricted label',
    {
      resource: 'nodes',
      object: nodeWith({ labels: { 'team.node-restriction.kubernetes.io/x': 'y', 'foo.k8s.io/z': 'w' } }),
    },
    /set the following labels: foo\.k8s\.io\/z, team\.node-restriction\.kubernetes\.io\/x/,
  ],
  [
    'drops a restricted label',
    {
      resource: 'nodes',
      operation: 'UPDATE',
      object: nodeWith({}),
      old: nodeWith({ labels: { 'node-restriction.kubernetes.io/x': 'y' } }),
    },
    /modify labels/,
  ],
  [
    'removes its taints',
    { resource: 'nodes', operation: 'UPDATE', object: nodeWith({}, {}), old: NODE },
    /modify taints/,
  ],
  [
    'removes its taints through status',
    { resource: 'nodes/status', operation: 'UPDATE', object: nodeWith({}, {}), old: NODE },
    /modify taints/,
  ],
  [
    'makes something own it (CVE-2025-5187)',
    {
      resource: 'nodes',
      operation: 'UPDATE',
      object: nodeWith({ ownerReferences: [{ kind: 'ConfigMap', name: 'x' }] }),
      old: NODE,
    },
    /ownerReferences/,
  ],
  [
    'annotates itself',
    { resource: 'nodes', operation: 'UPDATE', object: nodeWith({ annotations: { a: 'b' } }), old: NODE },
    'allowed',
  ],
  ['its lease', { resource: 'leases in coordination.k8s.io', object: lease('n1') }, 'allowed'],
  [
    'the lease of another',
    { resource: 'leases in coordination.k8s.io', object: lease('n2') },
    /same name as the requesting node/,
  ],
  [
    'a lease elsewhere',
    { resource: 'leases in coordination.k8s.io', object: lease('n1', 'shop') },
    /"kube-node-lease" system namespace/,
  ],
  ['its CSINode', { resource: 'csinodes in storage.k8s.io', object: object('CSINode', { name: 'n1' }) }, 'allowed'],
  ['the CSINode of another', { resource: 'csinodes in storage.k8s.io', operation: 'DELETE', name: 'n2' }, /same name/],
  [
    'a token of its pod',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('own', 'uid-own') },
    'allowed',
  ],
  [
    'a token for an audience of its pod',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('own', 'uid-own', ['vault']) },
    'allowed',
  ],
  [
    'a token for an audience that the pod does not name',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('own', 'uid-own', ['bank']) },
    /audience "bank" not found/,
  ],
  [
    'a token without a pod',
    {
      resource: 'serviceaccounts/token',
      name: 'app',
      object: object('TokenRequest', { namespace: 'shop' }, { spec: {} }),
    },
    /not bound to a pod/,
  ],
  [
    'a token of a pod without its uid',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('own', undefined) },
    /without a uid/,
  ],
  [
    'a token of a pod that is gone',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('own', 'before') },
    /does not match the UID/,
  ],
  [
    'a token of a pod of another node',
    { resource: 'serviceaccounts/token', name: 'app', object: tokenFor('other', 'uid-other') },
    /scheduled on a different node/,
  ],
  [
    'a claim',
    { resource: 'persistentvolumeclaims', object: object('PersistentVolumeClaim', { name: 'c' }) },
    /may only update PVC status/,
  ],
];

for (const [title, write, expected] of cases) {
  test(`node restriction: ${title}`, async () => {
    const answer = await refusalOf(write);
    if (expected === 'allowed') assert.equal(answer, 'allowed');
    else assert.match(answer, expected);
  });
}
