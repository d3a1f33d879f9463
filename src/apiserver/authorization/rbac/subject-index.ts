import type { ClusterRoleBinding, RoleBinding, Subject } from '#machinery/types/rbac-v1.ts';
import type { User } from '../../admission/admission.ts';

export type Binding = ClusterRoleBinding | RoleBinding;

interface Entry {
  readonly order: number;
  readonly binding: Binding;
  readonly subjectOrder: number;
  readonly subject: Subject;
}

/**
 * Bindings by whom they name, made anew when the list is no longer made of the same (frozen) objects. Comparing
 * identities costs a nanosecond or two a binding, where reading every subject costs a hundred times that.
 */
export class SubjectIndex {
  #bindings: readonly Binding[] = [];
  #entries = new Map<string, Entry[]>();

  entries(bindings: readonly Binding[], namespace: string): ReadonlyMap<string, readonly Entry[]> {
    if (!sameObjects(this.#bindings, bindings)) {
      this.#bindings = bindings;
      this.#entries = indexed(bindings, namespace);
    }
    return this.#entries;
  }
}

function sameObjects(left: readonly Binding[], right: readonly Binding[]): boolean {
  return left === right || (left.length === right.length && left.every((item, at) => item === right[at]));
}

function indexed(bindings: readonly Binding[], namespace: string): Map<string, Entry[]> {
  const entries = new Map<string, Entry[]>();
  bindings.forEach((binding, order) => {
    (binding.subjects ?? []).forEach((subject, subjectOrder) => {
      const key = keyOf(subject, namespace);
      const list = entries.get(key) ?? [];
      list.push({ order, binding, subjectOrder, subject });
      entries.set(key, list);
    });
  });
  return entries;
}

/** A service account is the user name that its tokens give; its namespace defaults to the binding's. */
function keyOf(subject: Subject, namespace: string): string {
  if (subject.kind === 'User') return `u:${subject.name}`;
  if (subject.kind === 'Group') return `g:${subject.name}`;
  const own = subject.namespace || namespace;
  return own ? `u:system:serviceaccount:${own}:${subject.name}` : 'nobody';
}

/** The bindings that name `user` or one of its groups, in list order, each with the first subject that does. */
export function bindingsOf(
  index: SubjectIndex,
  bindings: readonly Binding[],
  user: User,
  namespace: string,
): readonly { readonly binding: Binding; readonly subject: Subject }[] {
  const entries = index.entries(bindings, namespace);
  const found = [...(entries.get(`u:${user.name}`) ?? [])];
  for (const group of user.groups) found.push(...(entries.get(`g:${group}`) ?? []));
  found.sort((left, right) => left.order - right.order || left.subjectOrder - right.subjectOrder);
  return found.filter((entry, at) => entry.order !== found[at - 1]?.order);
}
