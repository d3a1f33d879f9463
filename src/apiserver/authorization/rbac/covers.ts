import type { PolicyRule } from '#machinery/types/rbac-v1.ts';

/**
 * Which of the wanted rights the held rules do not give, as rules of one right each. Rights are compared by what the
 * rules say, not by what exists: `get` on `*` covers `get` on `pods`, but no list of resources covers `*`.
 */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(singleRights).filter((right) => !held.some((rule) => covers(rule, right)));
}

/** Splits a rule into rules that name one verb on one resource (and name) of one group, or one verb on one path. */
function singleRights(rule: PolicyRule): PolicyRule[] {
  const rights: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs ?? []) {
        const right = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (rule.resourceNames?.length) {
          for (const name of rule.resourceNames) rights.push({ ...right, resourceNames: [name] });
        } else {
          rights.push(right);
        }
      }
    }
  }
  for (const path of rule.nonResourceURLs ?? []) {
    for (const verb of rule.verbs ?? []) rights.push({ nonResourceURLs: [path], verbs: [verb] });
  }
  return rights;
}

function covers(held: PolicyRule, right: PolicyRule): boolean {
  const names = right.resourceNames ?? [];
  return (
    starOrAll(held.verbs ?? [], right.verbs ?? []) &&
    starOrAll(held.apiGroups ?? [], right.apiGroups ?? []) &&
    (right.resources ?? []).every((resource) => coversResource(held.resources ?? [], resource)) &&
    (right.nonResourceURLs ?? []).every((path) => coversPath(held.nonResourceURLs ?? [], path)) &&
    (!held.resourceNames?.length || (names.length > 0 && names.every((name) => held.resourceNames?.includes(name))))
  );
}

function starOrAll(held: readonly string[], wanted: readonly string[]): boolean {
  return held.includes('*') || wanted.every((item) => held.includes(item));
}

function coversResource(held: readonly string[], resource: string): boolean {
  if (held.includes('*') || held.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && held.includes(`*${resource.slice(slash)}`);
}

function coversPath(held: readonly string[], path: string): boolean {
  return held.some((pattern) => pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1))));
}

/**
 * Puts single rights together for showing: rights that differ only in the verb become one rule; what names no resource
 * names and exactly one group and resource is merged, the rest stays.
 */
export function compact(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const merged = new Map<string, { rule: PolicyRule; verbs: string[] }>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const [group, ...moreGroups] = rule.apiGroups ?? [];
    const [resource, ...moreResources] = rule.resources ?? [];
    const simple =
      group !== undefined &&
      resource !== undefined &&
      moreGroups.length === 0 &&
      moreResources.length === 0 &&
      !rule.nonResourceURLs?.length &&
      (rule.resourceNames?.length ?? 0) <= 1;
    if (!simple) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([group, resource, rule.resourceNames?.[0] ?? null]);
    const entry = merged.get(key) ?? { rule, verbs: [] };
    for (const verb of rule.verbs ?? []) if (!entry.verbs.includes(verb)) entry.verbs.push(verb);
    merged.set(key, entry);
  }
  return [...others, ...[...merged.values()].map(({ rule, verbs }) => ({ ...rule, verbs }))];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`, as messages show a rule. */
export function showRule(rule: PolicyRule): string {
  const parts = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  const shown = parts.flatMap(([title, values]) => (values?.length ? [`${title}:${showNames(values)}`] : []));
  return `{${shown.join(', ')}}`;
}

/** `["a" "b"]` */
export function showNames(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
}
