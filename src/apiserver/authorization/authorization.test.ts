import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import type { PolicyRule, Subject } from '#machinery/types/rbac-v1.ts';
import type { AdmissionRequest } from '../admission/admission.ts';
import { fixedListers } from '../fixed-listers.ts';
import { createAuthorization } from './authorization.ts';
import type { Attributes } from './authorizer.ts';
import { compact, showRule, uncovered } from './rbac/covers.ts';
import { roleEscalationCheck } from './rbac/escalation.ts';

const API_VERSION = 'rbac.authorization.k8s.io/v1';
const pods: PolicyRule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };
const jane: Subject = { kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' };
const account: Subject = { kind: 'ServiceAccount', name: 'app' };

function role(
  kind: 'Role' | 'ClusterRole',
  name: string,
  rules: readonly PolicyRule[],
  namespace?: string,
): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: { name, ...(namespace ? { namespace } : {}) },
    rules,
  } as KubeObject;
}

function binding(
  name: string,
  kind: string,
  roleName: string,
  subjects: readonly Subject[],
  namespace?: string,
): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name, ...(namespace ? { namespace } : {}) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
    subjects,
  } as KubeObject;
}

function asks(more: Partial<Attributes> = {}): Attributes {
  return {
    user: { name: 'jane', groups: ['system:authenticated'] },
    verb: 'get',
    isResource: true,
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: 'p',
    path: '',
    ...more,
  };
}

test('rbac: the reason names binding, role and subject as upstream does', async () => {
  const objects = [role('ClusterRole', 'reader', [pods]), binding('all', 'ClusterRole', 'reader', [jane])];
  const { authorizer } = createAuthorization(fixedListers(objects));
  assert.deepEqual(await authorizer.authorize(asks()), {
    decision: 'allow',
    reason: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to User "jane"',
  });
  objects[1] = binding('some', 'ClusterRole', 'reader', [account], 'shop');
  const user = { name: 'system:serviceaccount:shop:app', groups: [] };
  assert.deepEqual(await authorizer.authorize(asks({ user })), {
    decision: 'allow',
    reason: 'RBAC: allowed by RoleBinding "some/shop" of ClusterRole "reader" to ServiceAccount "app/shop"',
  });
});

test('rbac: a binding to a missing role is the reason where nothing else allows, and no hindrance where it does', async () => {
  const objects = [binding('gone', 'ClusterRole', 'none', [jane]), binding('gone', 'Role', 'none', [jane], 'shop')];
  const { authorizer } = createAuthorization(fixedListers(objects));
  assert.deepEqual(await authorizer.authorize(asks()), {
    decision: 'noOpinion',
    reason:
      'RBAC: [clusterrole.rbac.authorization.k8s.io "none" not found, role.rbac.authorization.k8s.io "none" not found]',
  });
  objects.push(role('Role', 'none', [pods], 'shop'));
  assert.equal((await authorizer.authorize(asks())).decision, 'allow');
});

test('rbac: a change of roles or bindings counts at once', async () => {
  const objects = [role('ClusterRole', 'reader', [pods]), binding('all', 'ClusterRole', 'reader', [])];
  const { authorizer } = createAuthorization(fixedListers(objects));
  assert.equal((await authorizer.authorize(asks())).decision, 'noOpinion');
  objects[1] = binding('all', 'ClusterRole', 'reader', [jane]);
  assert.equal((await authorizer.authorize(asks())).decision, 'allow');
  objects[0] = role('ClusterRole', 'reader', []);
  assert.equal((await authorizer.authorize(asks())).decision, 'noOpinion');
});

test('rbac: what is covered is compared by the words of the rules', () => {
  const rights = (verbs: string[], resources: string[], resourceNames: string[] = []): PolicyRule => ({
    apiGroups: [''],
    verbs,
    resources,
    ...(resourceNames.length > 0 ? { resourceNames } : {}),
  });
  const cases: readonly (readonly [PolicyRule, PolicyRule, number])[] = [
    [rights(['get', 'list'], ['pods', 'secrets']), rights(['get'], ['secrets']), 0],
    [rights(['*'], ['*']), rights(['get'], ['pods/log']), 0],
    [rights(['get'], ['*/scale']), rights(['get'], ['deployments/scale']), 0],
    [rights(['get'], ['*/scale']), rights(['get'], ['deployments']), 1],
    [rights(['get'], ['pods']), rights(['get'], ['pods'], ['a']), 0],
    [rights(['get'], ['pods'], ['a']), rights(['get'], ['pods'], ['a', 'b']), 1],
    [rights(['get'], ['pods'], ['a']), rights(['get'], ['pods']), 1],
    [rights(['get'], ['pods']), rights(['*'], ['pods']), 1],
    [{ verbs: ['get'], nonResourceURLs: ['/a/*'] }, { verbs: ['get'], nonResourceURLs: ['/a/b'] }, 0],
    [{ verbs: ['get'], nonResourceURLs: ['/a'] }, { verbs: ['get'], nonResourceURLs: ['/a/*'] }, 1],
  ];
  for (const [held, wanted, missing] of cases) {
    assert.equal(uncovered([held], [wanted]).length, missing, `${showRule(held)} and ${showRule(wanted)}`);
  }
  assert.deepEqual(compact(uncovered([], [pods])).map(showRule), [
    '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
  ]);
});

function writes(kind: string, object: object, user: AdmissionRequest['user']): AdmissionRequest {
  return {
    operation: 'CREATE',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    resource: `${kind.toLowerCase()}s`,
    subresource: '',
    kind,
    namespace: '',
    name: 'x',
    user,
    dryRun: false,
    object: object as Draft<KubeObject>,
    oldObject: undefined,
    options: undefined,
    warn: () => {},
  };
}

test('escalation: the message lists what is missing, verbs of one resource together', async () => {
  const objects = [role('ClusterRole', 'reader', [pods]), binding('all', 'ClusterRole', 'reader', [jane])];
  const { authorizer, resolver } = createAuthorization(fixedListers(objects));
  const check = roleEscalationCheck(resolver, authorizer);
  const wanted = role('ClusterRole', 'x', [
    pods,
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'watch'] },
  ]);
  const user = { name: 'jane', groups: ['a', 'b'] };
  await assert.rejects(
    async () => check.admit?.(writes('ClusterRole', wanted, user)),
    (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(
        error.message,
        'clusterroles.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["a" "b"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "watch"]}',
      );
      return true;
    },
  );
  await check.admit?.(writes('ClusterRole', wanted, { name: 'root', groups: ['system:masters'] }));
  const aggregated = { ...role('ClusterRole', 'x', []), aggregationRule: { clusterRoleSelectors: [] } };
  await assert.rejects(
    async () => check.admit?.(writes('ClusterRole', aggregated, user)),
    /must have cluster-admin privileges to use the aggregationRule/,
  );
  await assert.rejects(
    async () => check.admit?.(writes('ClusterRoleBinding', binding('x', 'ClusterRole', 'none', [jane]), user)),
    (error) => error instanceof StatusError && error.code === 404,
  );
});
