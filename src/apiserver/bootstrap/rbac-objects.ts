import type { KubeObject, Sparse } from '#machinery/object.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '#machinery/types/rbac-v1.ts';
import { componentRoles, userRoles } from './cluster-roles.ts';
import { controllerRoles } from './controller-roles.ts';
import { READ, RECORD_EVENTS, rule } from '../authorization/rbac/rules.ts';

const API_VERSION = 'rbac.authorization.k8s.io/v1';
const GROUP = 'rbac.authorization.k8s.io';
const AGGREGATE = `${GROUP}/aggregate-to-`;

/** Objects to which an administrator may set this annotation to `false`, to keep what he changed. */
export const RBAC_AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

/** Which user-facing role a role is gathered into, by label. */
const AGGREGATED_INTO: Readonly<Record<string, string>> = {
  edit: 'admin',
  view: 'edit',
  'system:aggregate-to-admin': 'admin',
  'system:aggregate-to-edit': 'edit',
  'system:aggregate-to-view': 'view',
};

const AUTHENTICATED = group('system:authenticated');

/** Who holds the cluster roles of components. */
const COMPONENT_BINDINGS: Readonly<Record<string, readonly Subject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:basic-user': [AUTHENTICATED],
  'system:discovery': [AUTHENTICATED],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:monitoring': [group('system:monitoring')],
  'system:node': [], // nodes are authorized by the Node authorizer; the binding is for who turns that off
  'system:node-proxier': [user('system:kube-proxy')],
  'system:public-info-viewer': [AUTHENTICATED, group('system:unauthenticated')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:volume-scheduler': [user('system:kube-scheduler')],
};

const LEADER_RULES: readonly PolicyRule[] = [
  rule('create get list update watch', 'coordination.k8s.io', 'leases'),
  rule('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
];

const NAMESPACED_ROLES: Readonly<Record<string, Readonly<Record<string, readonly PolicyRule[]>>>> = {
  'kube-system': {
    'extension-apiserver-authentication-reader': [
      rule(READ, 'core', 'configmaps', 'extension-apiserver-authentication'),
    ],
    'system::leader-locking-kube-controller-manager': LEADER_RULES,
    'system::leader-locking-kube-scheduler': LEADER_RULES,
    'system:controller:bootstrap-signer': [rule(READ, 'core', 'secrets')],
    'system:controller:cloud-provider': [rule('create get list watch', 'core', 'configmaps')],
    'system:controller:token-cleaner': [rule('delete get list watch', 'core', 'secrets'), RECORD_EVENTS],
  },
  'kube-public': {
    'system:controller:bootstrap-signer': [
      rule(READ, 'core', 'configmaps'),
      rule('update', 'core', 'configmaps', 'cluster-info'),
      RECORD_EVENTS,
    ],
  },
};

interface NamespacedBinding {
  readonly namespace: string;
  readonly name: string;
  readonly role?: string;
  readonly subjects: readonly Subject[];
}

const NAMESPACED_BINDINGS: readonly NamespacedBinding[] = [
  {
    namespace: 'kube-system',
    name: 'system::extension-apiserver-authentication-reader',
    role: 'extension-apiserver-authentication-reader',
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    subjects: [
      user('system:kube-controller-manager'),
      account('kube-controller-manager'),
      account('leader-election-controller'),
    ],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    subjects: [user('system:kube-scheduler'), account('kube-scheduler')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    subjects: [account('bootstrap-signer')],
  },
  { namespace: 'kube-system', name: 'system:controller:cloud-provider', subjects: [account('cloud-provider')] },
  { namespace: 'kube-system', name: 'system:controller:token-cleaner', subjects: [account('token-cleaner')] },
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    subjects: [account('bootstrap-signer')],
  },
];

export function defaultClusterRoles(): readonly Sparse<ClusterRole>[] {
  const controllers = Object.entries(controllerRoles).map(
    ([name, rules]) => [`system:controller:${name}`, rules] as const,
  );
  const plain = [...Object.entries(userRoles), ...Object.entries(componentRoles), ...controllers];
  return [
    ...plain.map(([name, rules]) => ({ ...identity('ClusterRole', name), rules })),
    ...AGGREGATED.map((name) => ({
      ...identity('ClusterRole', name),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${AGGREGATE}${name}`]: 'true' } }] },
      rules: gatheredRules(name),
    })),
  ] as readonly Sparse<ClusterRole>[];
}

const AGGREGATED = ['admin', 'edit', 'view'] as const;

/**
 * The rules that the aggregation controller would gather, so that these roles are of use from the first moment and on
 * a server that runs without controllers. Parts in the order of their names, as the controller takes them.
 */
function gatheredRules(name: string): readonly PolicyRule[] {
  const parts = Object.keys(AGGREGATED_INTO)
    .filter((part) => AGGREGATED_INTO[part] === name)
    .sort();
  const rules = parts.flatMap((part) => userRoles[part] ?? gatheredRules(part));
  return [...new Map(rules.map((each) => [JSON.stringify(each), each])).values()];
}

export function defaultClusterRoleBindings(): readonly Sparse<ClusterRoleBinding>[] {
  const controllers = Object.keys(controllerRoles).map(
    (name) => [`system:controller:${name}`, [account(name)]] as const,
  );
  return [...Object.entries(COMPONENT_BINDINGS), ...controllers].map(([name, subjects]) => ({
    ...identity('ClusterRoleBinding', name),
    roleRef: roleRef('ClusterRole', name),
    ...(subjects.length > 0 ? { subjects } : {}),
  })) as readonly Sparse<ClusterRoleBinding>[];
}

export function defaultRoles(): readonly Sparse<Role>[] {
  return Object.entries(NAMESPACED_ROLES).flatMap(([namespace, roles]) =>
    Object.entries(roles).map(([name, rules]) => ({ ...identity('Role', name, namespace), rules })),
  ) as readonly Sparse<Role>[];
}

export function defaultRoleBindings(): readonly Sparse<RoleBinding>[] {
  return NAMESPACED_BINDINGS.map(({ namespace, name, role, subjects }) => ({
    ...identity('RoleBinding', name, namespace),
    roleRef: roleRef('Role', role ?? name),
    subjects,
  })) as readonly Sparse<RoleBinding>[];
}

function identity(kind: string, name: string, namespace?: string): Sparse<KubeObject> {
  const gathered = kind === 'ClusterRole' ? AGGREGATED_INTO[name] : undefined;
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      annotations: { [RBAC_AUTOUPDATE]: 'true' },
      labels: {
        'kubernetes.io/bootstrapping': 'rbac-defaults',
        ...(gathered ? { [`${AGGREGATE}${gathered}`]: 'true' } : {}),
      },
    },
  };
}

function roleRef(kind: string, name: string): RoleRef {
  return { apiGroup: GROUP, kind, name };
}

function user(name: string): Subject {
  return { apiGroup: GROUP, kind: 'User', name };
}

function group(name: string): Subject {
  return { apiGroup: GROUP, kind: 'Group', name };
}

function account(name: string): Subject {
  return { kind: 'ServiceAccount', name, namespace: 'kube-system' };
}
