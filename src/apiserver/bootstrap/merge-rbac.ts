import { type Draft, draftOf, type KubeObject } from '#machinery/object.ts';
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '#machinery/types/rbac-v1.ts';
import { uncovered } from '../authorization/rbac/covers.ts';
import { RBAC_AUTOUPDATE } from './rbac-objects.ts';

/**
 * What a default role or binding becomes at a start, given what is stored. What is missing is put back, what somebody
 * added stays; an object with the annotation autoupdate=false is left alone.
 * Source: "Using RBAC Authorization", auto-reconciliation.
 */
export type RbacPlan =
  | { readonly action: 'keep' }
  | { readonly action: 'update'; readonly object: KubeObject }
  /** A binding to another role: what a binding refers to cannot change. */
  | { readonly action: 'recreate' };

type RoleOrBinding = KubeObject & Partial<Pick<ClusterRole, 'rules' | 'aggregationRule'>> & Partial<RoleBindingPart>;
type RoleBindingPart = Pick<RoleBinding, 'roleRef' | 'subjects'>;

export function planRbac(stored: KubeObject, wanted: KubeObject): RbacPlan {
  const old: RoleOrBinding = stored;
  const fresh: RoleOrBinding = wanted;
  if (old.metadata.annotations?.[RBAC_AUTOUPDATE] === 'false') return { action: 'keep' };
  if (fresh.roleRef && !sameRef(old.roleRef, fresh.roleRef)) return { action: 'recreate' };
  const draft: Draft<RoleOrBinding> = draftOf(old);
  const changes = [
    mergeMetadata(draft, fresh),
    mergeRules(draft, old, fresh),
    mergeAggregation(draft, fresh),
    mergeSubjects(draft, fresh),
  ];
  return changes.includes(true) ? { action: 'update', object: draft } : { action: 'keep' };
}

function sameRef(left: RoleBinding['roleRef'] | undefined, right: RoleBinding['roleRef']): boolean {
  return left?.kind === right.kind && left.name === right.name && left.apiGroup === right.apiGroup;
}

function mergeMetadata(draft: Draft<RoleOrBinding>, fresh: RoleOrBinding): boolean {
  let changed = false;
  for (const field of ['labels', 'annotations'] as const) {
    for (const [key, value] of Object.entries(fresh.metadata[field] ?? {})) {
      if (draft.metadata[field]?.[key] !== undefined) continue; // what an administrator set stays
      draft.metadata[field] = { ...draft.metadata[field], [key]: value };
      changed = true;
    }
  }
  return changed;
}

/** Rules of an aggregated role belong to the controller that gathers them. */
function mergeRules(draft: Draft<RoleOrBinding>, old: RoleOrBinding, fresh: RoleOrBinding): boolean {
  if (!fresh.rules || fresh.aggregationRule) return false;
  const missing: readonly PolicyRule[] = uncovered(old.rules ?? [], fresh.rules);
  if (missing.length === 0) return false;
  draft.rules = [...(draft.rules ?? []), ...draftOf(missing)];
  return true;
}

function mergeAggregation(draft: Draft<RoleOrBinding>, fresh: RoleOrBinding): boolean {
  const there = (draft.aggregationRule?.clusterRoleSelectors ?? []).map((selector) => JSON.stringify(selector));
  const missing = (fresh.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !there.includes(JSON.stringify(selector)),
  );
  if (missing.length === 0) return false;
  const selectors = [...(draft.aggregationRule?.clusterRoleSelectors ?? []), ...draftOf(missing)];
  draft.aggregationRule = { clusterRoleSelectors: selectors };
  return true;
}

function mergeSubjects(draft: Draft<RoleOrBinding>, fresh: RoleOrBinding): boolean {
  const there = new Set((draft.subjects ?? []).map(subjectKey));
  const missing = (fresh.subjects ?? []).filter((subject) => !there.has(subjectKey(subject)));
  if (missing.length === 0) return false;
  draft.subjects = [...(draft.subjects ?? []), ...draftOf(missing)];
  return true;
}

function subjectKey({ apiGroup, kind, name, namespace }: Subject): string {
  return JSON.stringify([apiGroup ?? '', kind, namespace ?? '', name]);
}
