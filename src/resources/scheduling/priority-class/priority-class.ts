import { type FieldError, FieldPath, forbidden, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { PriorityClass } from '#machinery/types/scheduling-v1.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';

const VALUE = FieldPath.of('value');
const POLICY = FieldPath.of('preemptionPolicy');
const POLICIES = ['Never', 'PreemptLowerPriority'];
const HIGHEST_OF_USERS = 1_000_000_000;
const SYSTEM_PREFIX = 'system-';
/** Values of the two classes above all that users may make. */
export const SYSTEM_PRIORITIES = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
} as const;
const SYSTEM_VALUES: ReadonlyMap<string, number> = new Map(Object.entries(SYSTEM_PRIORITIES));

/** How much a pod matters. Source: scheduling.k8s.io/v1 API. */
export const priorityClass = defineResource('scheduling.k8s.io/v1', 'PriorityClass', {
  plural: 'priorityclasses',
  scope: 'cluster',
  shortNames: ['pc'],
  hasGeneration: true,
  generationChanged: () => false,
  allColumns: [
    nameColumn,
    column('Value', ({ value }) => value, { type: 'integer' }),
    column('Global-Default', ({ globalDefault }) => globalDefault ?? false, { type: 'boolean' }),
    ageColumn,
    column('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? 'PreemptLowerPriority'),
  ],

  defaults(draft) {
    draft.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: (each) => [...validateValue(each), ...validatePolicy(each)],
  validateUpdate: (each, old) => [
    ...((each.value ?? 0) === (old.value ?? 0) ? [] : [forbidden(VALUE, 'may not be changed in an update.')]),
    ...validateImmutable(each.preemptionPolicy, old.preemptionPolicy, POLICY),
  ],
});

function validateValue(each: PriorityClass): FieldError[] {
  const name = each.metadata.name ?? '';
  if (!name.startsWith(SYSTEM_PREFIX)) {
    if ((each.value ?? 0) <= HIGHEST_OF_USERS) return [];
    return [forbidden(VALUE, `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`)];
  }
  const why = notOfTheSystem(name, each);
  if (!why) return [];
  const detail = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${why}`;
  return [forbidden(FieldPath.of('metadata', 'name'), detail)];
}

function notOfTheSystem(name: string, { value, globalDefault }: PriorityClass): string | undefined {
  const expected = SYSTEM_VALUES.get(name);
  if (expected === undefined) return `${name} is not a known system priority class`;
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function validatePolicy({ preemptionPolicy }: PriorityClass): FieldError[] {
  if (preemptionPolicy === undefined || POLICIES.includes(preemptionPolicy)) return [];
  return preemptionPolicy === '' ? [required(POLICY)] : [notSupported(POLICY, preemptionPolicy, POLICIES)];
}
