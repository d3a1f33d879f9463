import type { PolicyRule } from '#machinery/types/rbac-v1.ts';

/** Rules by role name. */
export type RoleTable = Readonly<Record<string, readonly PolicyRule[]>>;

/** Verbs of who only looks. */
export const READ = 'get list watch';

/** Arguments are words separated by spaces; the core group is written `core`. */
export function rule(verbs: string, groups: string, resources: string, names = ''): PolicyRule {
  return {
    verbs: verbs.split(' '),
    apiGroups: groups.split(' ').map((group) => (group === 'core' ? '' : group)),
    resources: resources.split(' '),
    ...(names ? { resourceNames: names.split(' ') } : {}),
  };
}

export function urls(verbs: string, paths: string): PolicyRule {
  return { verbs: verbs.split(' '), nonResourceURLs: paths.split(' ') };
}

/** What whoever records events needs. */
export const RECORD_EVENTS: PolicyRule = rule('create patch update', 'core events.k8s.io', 'events');
