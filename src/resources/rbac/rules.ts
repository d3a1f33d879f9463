import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, type Column, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import type { Draft } from '#machinery/object.ts';
import type { PolicyRule, RoleBinding, RoleRef, Subject } from '#machinery/types/rbac-v1.ts';
import { eachItem, invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isDnsSubdomain, isPathSegment } from '#machinery/validation/names.ts';
import { immutable } from '../apps/workload.ts';

/** What the four kinds of RBAC have in common. Source: rbac.authorization.k8s.io/v1 API. */

const GROUP = 'rbac.authorization.k8s.io';

/** `namespaced`: rules of a Role cannot be about URLs. */
export function validateRules(rules: readonly PolicyRule[] | null | undefined, namespaced: boolean): FieldError[] {
  return eachItem(rules, FieldPath.of('rules'), (rule, at) => {
    const errors: FieldError[] = [];
    if ((rule.verbs ?? []).length === 0) errors.push(required(at.at('verbs'), 'verbs must contain at least one value'));
    const urls = rule.nonResourceURLs ?? [];
    if (urls.length > 0) {
      if (namespaced) {
        errors.push(invalid(at.at('nonResourceURLs'), urls, 'namespaced rules cannot apply to non-resource URLs'));
      }
      const others = [rule.apiGroups, rule.resources, rule.resourceNames].some((list) => (list ?? []).length > 0);
      if (others) {
        errors.push(
          invalid(at.at('nonResourceURLs'), urls, 'rules cannot apply to both regular resources and non-resource URLs'),
        );
      }
      return errors;
    }
    if ((rule.apiGroups ?? []).length === 0) {
      errors.push(required(at.at('apiGroups'), 'resource rules must supply at least one api group'));
    }
    if ((rule.resources ?? []).length === 0) {
      errors.push(required(at.at('resources'), 'resource rules must supply at least one resource'));
    }
    return errors;
  });
}

interface Binding {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

export function defaultBinding({ roleRef, subjects }: Draft<Binding>): void {
  if (roleRef && !roleRef.apiGroup) roleRef.apiGroup = GROUP;
  for (const subject of subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = GROUP;
  }
}

/** `roles`: kinds that the binding may refer to; the first error about the reference is the last. */
export function validateBinding(
  { roleRef, subjects }: Binding,
  roles: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const ref = FieldPath.of('roleRef');
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== GROUP) errors.push(notSupported(ref.at('apiGroup'), roleRef.apiGroup, [GROUP]));
  if (!roles.includes(roleRef.kind)) errors.push(notSupported(ref.at('kind'), roleRef.kind, roles));
  if (!roleRef.name) errors.push(required(ref.at('name')));
  else errors.push(...invalidFor(isPathSegment(roleRef.name, false), roleRef.name, ref.at('name')));
  return [
    ...errors,
    ...eachItem(subjects, FieldPath.of('subjects'), (subject, at) => validateSubject(subject, at, namespaced)),
  ];
}

function validateSubject(subject: Subject, path: FieldPath, namespaced: boolean): FieldError[] {
  const errors = nonEmpty(subject.name, path.at('name'));
  switch (subject.kind) {
    case 'ServiceAccount':
      if (subject.name) errors.push(...invalidFor(isDnsSubdomain(subject.name, false), subject.name, path.at('name')));
      if (subject.apiGroup) errors.push(notSupported(path.at('apiGroup'), subject.apiGroup, ['']));
      if (!namespaced && !subject.namespace) errors.push(required(path.at('namespace')));
      return errors;
    case 'User':
    case 'Group':
      if (subject.apiGroup !== GROUP) errors.push(notSupported(path.at('apiGroup'), subject.apiGroup ?? '', [GROUP]));
      return errors;
    default:
      return [...errors, notSupported(path.at('kind'), subject.kind, ['Group', 'ServiceAccount', 'User'])];
  }
}

export function validateBindingUpdate(binding: Binding, old: Binding): FieldError[] {
  return immutable(binding.roleRef, old.roleRef, FieldPath.of('roleRef')).map((error) => ({
    ...error,
    message: error.message.replace(/field is immutable$/, 'cannot change roleRef'),
  }));
}

function names(subjects: readonly Subject[] | undefined, kind: string, home: string): string {
  return (subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace || home}/${name}` : name))
    .join(', ');
}

export const bindingColumns: readonly Column<
  Pick<RoleBinding, 'apiVersion' | 'metadata' | 'roleRef' | 'subjects'> & { readonly kind: string }
>[] = [
  nameColumn,
  column('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wideColumn('Users', ({ subjects }) => names(subjects, 'User', '')),
  wideColumn('Groups', ({ subjects }) => names(subjects, 'Group', '')),
  wideColumn('ServiceAccounts', ({ subjects, metadata }) =>
    names(subjects, 'ServiceAccount', metadata.namespace ?? ''),
  ),
];

/** Objects whose printer upstream never wrote: name and time of creation. */
export const createdAtColumns: readonly Column[] = [
  nameColumn,
  column('Created At', ({ metadata }) => metadata.creationTimestamp ?? null, { type: 'date' }),
];
