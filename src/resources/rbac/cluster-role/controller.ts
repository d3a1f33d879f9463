import type { ClusterRole, PolicyRule } from '#machinery/types/rbac-v1.ts';
import { defineController, done } from '#reconciler/controller.ts';
import { labelMatcher } from '#reconciler/selectors.ts';
import { clusterRole } from './cluster-role.ts';

/** Fills the rules of roles that are put together from others by label. Source: RBAC documentation, "Aggregated". */
export const clusterRoleAggregationController = defineController('clusterrole-aggregation-controller', {
  setup({ informers, watch }) {
    const roles = informers.of(clusterRole);
    watch(roles, () =>
      roles
        .list()
        .filter(({ aggregationRule }) => aggregationRule)
        .map(({ metadata }) => metadata.name ?? ''),
    );
    watch(roles, (role) => (role.aggregationRule ? [role.metadata.name ?? ''] : []));
    return {
      async reconcile(name, { client }) {
        const role = roles.get(name);
        if (!role?.aggregationRule) return done;
        const rules = aggregatedRules(role, roles.list());
        if (JSON.stringify(rules) === JSON.stringify(role.rules ?? [])) return done;
        // without rules to set, those that somebody else wrote stay
        const own = rules.length > 0 ? { rules } : {};
        const patch = { apiVersion: role.apiVersion, kind: role.kind, metadata: { name }, ...own };
        const options = { fieldManager: 'clusterrole-aggregation-controller', force: true };
        await client.patch(clusterRole, { name, type: 'apply', body: patch }, options);
        return done;
      },
    };
  },
});

/** The rules of all selected roles, in the order of the selectors and of names, each once. Pure. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matches = labelMatcher(selector);
    const selected = all
      .filter((other) => other.metadata.name !== role.metadata.name && matches(other.metadata.labels))
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
    for (const rule of selected.flatMap((other) => other.rules ?? [])) rules.set(JSON.stringify(rule), rule);
  }
  return [...rules.values()];
}
