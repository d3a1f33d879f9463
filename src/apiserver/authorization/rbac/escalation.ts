import { isDeepStrictEqual } from 'node:util';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { forbiddenError, isStatus, StatusError } from '#machinery/status.ts';
import type { ClusterRole, PolicyRule, Role, RoleBinding, RoleRef } from '#machinery/types/rbac-v1.ts';
import type { AdmissionPlugin, AdmissionRequest, User } from '../../admission/admission.ts';
import type { Authorizer } from '../authorizer.ts';
import { compact, showNames, showRule, uncovered } from './covers.ts';
import type { RuleResolver } from './resolver.ts';

const GROUP = 'rbac.authorization.k8s.io';

const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Nobody gives what they do not have: writing a role needs every right in it (or the verb `escalate`), writing a
 * binding every right of its role (or the verb `bind`). Upstream does this in the storage of the kinds, after mutation
 * and before validation; so this is the last plug-in that mutates, although it changes nothing.
 * Source: "Using RBAC Authorization", privilege escalation prevention.
 */
export function roleEscalationCheck(resolver: RuleResolver, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'RoleEscalationCheck',
    async admit(request) {
      if (request.group !== GROUP || request.subresource || !request.object) return;
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return;
      if (request.user.groups.includes('system:masters')) return;
      if (onlyCollectionFieldsChange(request)) return;
      if (request.kind === 'Role' || request.kind === 'ClusterRole') await checkRole(request, resolver, authorizer);
      if (request.kind === 'RoleBinding' || request.kind === 'ClusterRoleBinding') {
        await checkBinding(request, resolver, authorizer);
      }
    },
  };
}

async function checkRole(request: AdmissionRequest, resolver: RuleResolver, authorizer: Authorizer): Promise<void> {
  // a name in the rule of `escalate` does not help a creation: the request has no name yet
  const name = request.operation === 'CREATE' ? '' : request.name;
  if (await mayDo(authorizer, request, { verb: 'escalate', resource: request.resource, name })) return;
  const role = request.object as Draft<KubeObject> as Draft<Role | ClusterRole>;
  refuseEscalation(request, resolver, role.rules ?? []);
  if (aggregates(request.object) || aggregates(request.oldObject)) {
    if (missing(request, resolver, EVERYTHING).length > 0) {
      throw refusal(request, 'must have cluster-admin privileges to use the aggregationRule');
    }
  }
}

async function checkBinding(request: AdmissionRequest, resolver: RuleResolver, authorizer: Authorizer): Promise<void> {
  const binding = request.object as Draft<KubeObject> as Draft<RoleBinding>;
  const ref: RoleRef | undefined = binding.roleRef;
  if (!ref) return; // validation says so
  const resource = ref.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (await mayDo(authorizer, request, { verb: 'bind', resource, name: ref.name })) return;
  refuseEscalation(request, resolver, rulesOf(ref, request, resolver));
}

/** A missing role is told of as something that the request for the binding did not find. */
function rulesOf(ref: RoleRef, { namespace, resource }: AdmissionRequest, resolver: RuleResolver) {
  try {
    return resolver.roleRules(ref, namespace);
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
    const { status } = error;
    throw new StatusError({ ...status, details: { ...status.details, kind: resource } });
  }
}

function aggregates(object: unknown): boolean {
  return (object as ClusterRole | undefined)?.aggregationRule !== undefined;
}

interface Asked {
  readonly verb: 'escalate' | 'bind';
  readonly resource: string;
  readonly name: string;
}

async function mayDo(authorizer: Authorizer, request: AdmissionRequest, asked: Asked): Promise<boolean> {
  const { decision } = await authorizer.authorize({
    user: request.user,
    isResource: true,
    group: GROUP,
    version: '*',
    subresource: '',
    namespace: request.namespace,
    path: '',
    ...asked,
  });
  return decision === 'allow';
}

function missing(request: AdmissionRequest, resolver: RuleResolver, rules: readonly PolicyRule[]) {
  return uncovered(resolver.rulesFor(request.user, request.namespace).rules, rules);
}

function refuseEscalation(request: AdmissionRequest, resolver: RuleResolver, rules: readonly PolicyRule[]): void {
  const { rules: held, errors } = resolver.rulesFor(request.user, request.namespace);
  const lacking = uncovered(held, rules);
  if (lacking.length === 0) return;
  const shown = [...new Set(compact(lacking).map(showRule))].sort().join('\n');
  const tail = errors.length > 0 ? `; resolution errors: [${errors.map((error) => error.message).join(' ')}]` : '';
  throw refusal(request, `${attempt(request.user)}:\n${shown}${tail}`);
}

function attempt(user: User): string {
  return `user ${JSON.stringify(user.name)} (groups=${showNames(user.groups)}) is attempting to grant RBAC permissions not currently held`;
}

function refusal(request: AdmissionRequest, why: string) {
  const name = request.object?.metadata.name ?? request.name;
  return forbiddenError({ group: GROUP, resource: request.resource }, name, why);
}

/** Finalizers and owner references may always change, so that the garbage collector can do its work. */
function onlyCollectionFieldsChange({ object, oldObject }: AdmissionRequest): boolean {
  return (
    oldObject !== undefined && isDeepStrictEqual(withoutCollectionFields(object), withoutCollectionFields(oldObject))
  );
}

function withoutCollectionFields(object: object | undefined): unknown {
  const { metadata, ...rest } = object as KubeObject;
  const { finalizers: _finalizers, ownerReferences: _owners, managedFields: _managed, ...kept } = metadata;
  // drafts may be built from null-prototype maps; compare the data alone
  return JSON.parse(JSON.stringify({ ...rest, metadata: kept }));
}
