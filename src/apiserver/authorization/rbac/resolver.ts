import { notFoundError, StatusError } from '#machinery/status.ts';
import type { PolicyRule, RoleRef, Subject } from '#machinery/types/rbac-v1.ts';
import { clusterRole } from '#resources/rbac/cluster-role/cluster-role.ts';
import { clusterRoleBinding } from '#resources/rbac/cluster-role-binding/cluster-role-binding.ts';
import { role } from '#resources/rbac/role/role.ts';
import { roleBinding } from '#resources/rbac/role-binding/role-binding.ts';
import type { User } from '../../admission/admission.ts';
import type { Lister, Listers } from '../../listers.ts';
import { type Binding, bindingsOf, SubjectIndex } from './subject-index.ts';

/** Rules that somebody holds through one binding, or why they could not be found. */
export type Grant =
  | { readonly rules: readonly PolicyRule[]; readonly error?: undefined; readonly explain: () => string }
  | { readonly rules?: undefined; readonly error: StatusError };

/** Bindings of this many namespaces are kept indexed; the one used longest ago goes first. */
const MAX_INDEXED_NAMESPACES = 256;

/** Finds what users hold, from roles and bindings as they are now. Source: rbac.authorization.k8s.io/v1. */
export class RuleResolver {
  readonly #roles: ReturnType<typeof listersOfRoles>;
  readonly #clusterIndex = new SubjectIndex();
  readonly #namespaceIndexes = new Map<string, SubjectIndex>();

  constructor(listers: Listers) {
    this.#roles = listersOfRoles(listers);
  }

  /** What `user` holds in `namespace` ('' for the cluster alone): cluster bindings first, then the namespace's. */
  *grants(user: User, namespace: string): Generator<Grant> {
    const cluster = this.#roles.clusterRoleBindings.list();
    for (const { binding, subject } of bindingsOf(this.#clusterIndex, cluster, user, '')) {
      yield this.#grant(binding, subject, '');
    }
    if (!namespace) return;
    const own = this.#roles.roleBindings.list(namespace);
    if (own.length === 0) return;
    for (const { binding, subject } of bindingsOf(this.#indexOf(namespace), own, user, namespace)) {
      yield this.#grant(binding, subject, namespace);
    }
  }

  /** All rules of `user`, and the errors of bindings whose roles are missing. */
  rulesFor(user: User, namespace: string): { rules: readonly PolicyRule[]; errors: readonly StatusError[] } {
    const rules: PolicyRule[] = [];
    const errors: StatusError[] = [];
    for (const grant of this.grants(user, namespace)) {
      if (grant.error) errors.push(grant.error);
      else rules.push(...grant.rules);
    }
    return { rules, errors };
  }

  /** The rules of a role. Throws StatusError 404 where it does not exist. */
  roleRules(ref: RoleRef, namespace: string): readonly PolicyRule[] {
    if (ref.kind === 'ClusterRole') {
      const found = this.#roles.clusterRoles.get(ref.name);
      if (!found) throw notFoundError({ group: 'rbac.authorization.k8s.io', resource: 'clusterrole' }, ref.name);
      return found.rules ?? [];
    }
    const found = this.#roles.roles.get(ref.name, namespace);
    if (!found) throw notFoundError({ group: 'rbac.authorization.k8s.io', resource: 'role' }, ref.name);
    return found.rules ?? [];
  }

  #grant(binding: Binding, subject: Subject, namespace: string): Grant {
    try {
      const rules = this.roleRules(binding.roleRef, namespace);
      return { rules, explain: () => explain(binding, subject, namespace) };
    } catch (error) {
      if (error instanceof StatusError) return { error }; // a binding to a missing role grants nothing; others still may
      throw error;
    }
  }

  #indexOf(namespace: string): SubjectIndex {
    const index = this.#namespaceIndexes.get(namespace) ?? new SubjectIndex();
    this.#namespaceIndexes.delete(namespace);
    this.#namespaceIndexes.set(namespace, index);
    if (this.#namespaceIndexes.size > MAX_INDEXED_NAMESPACES) {
      const [oldest] = this.#namespaceIndexes.keys();
      if (oldest !== undefined) this.#namespaceIndexes.delete(oldest);
    }
    return index;
  }
}

function listersOfRoles(listers: Listers) {
  return {
    clusterRoles: listers(clusterRole),
    clusterRoleBindings: listers(clusterRoleBinding) as Lister<Binding>,
    roles: listers(role),
    roleBindings: listers(roleBinding) as Lister<Binding>,
  };
}

function explain(binding: Binding, subject: Subject, namespace: string): string {
  const { kind, name } = binding.roleRef;
  const bound = namespace
    ? `RoleBinding ${JSON.stringify(`${binding.metadata.name}/${namespace}`)}`
    : `ClusterRoleBinding ${JSON.stringify(binding.metadata.name)}`;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  return `${bound} of ${kind} ${JSON.stringify(name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
