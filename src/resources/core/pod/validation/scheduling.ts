import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodReadinessGate,
  PodSchedulingGate,
  Toleration,
  TopologySpreadConstraint,
} from '#machinery/types/core-v1.ts';
import type { LabelSelector } from '#machinery/types/meta-v1.ts';
import { eachItem, invalidFor, optionalOneOf } from '#machinery/validation/basics.ts';
import {
  isLabelValue,
  isQualifiedName,
  validateLabelName,
  validateLabelSelector,
} from '#machinery/validation/labels.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { isNodeName } from '../../node/node-name.ts';

const MAX_WEIGHT = 100;

export function validateNodeSelector(selector: NodeSelector, path: FieldPath): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? [];
  const at = path.at('nodeSelectorTerms');
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')];
  return eachItem(terms, at, validateNodeSelectorTerm);
}

export function validateNodeSelectorTerm(term: NodeSelectorTerm, path: FieldPath): FieldError[] {
  return [
    ...eachItem(term.matchExpressions, path.at('matchExpressions'), validateNodeExpression),
    ...eachItem(term.matchFields, path.at('matchFields'), validateNodeField),
  ];
}

function validateNodeExpression({ key, operator, values }: NodeSelectorRequirement, path: FieldPath): FieldError[] {
  const count = (values ?? []).length;
  const errors: FieldError[] = [];
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (count === 0) errors.push(required(path.at('values'), "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (count > 0)
        errors.push(forbidden(path.at('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      break;
    case 'Gt':
    case 'Lt':
      if (count !== 1)
        errors.push(required(path.at('values'), "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      break;
    default:
      errors.push(invalid(path.at('operator'), operator ?? '', 'not a valid selector operator'));
  }
  return [
    ...errors,
    ...validateLabelName(key ?? '', path.at('key')),
    ...eachItem(values, path.at('values'), (value, at) => invalidFor(isLabelValue(value), value, at)),
  ];
}

function validateNodeField({ key, operator, values }: NodeSelectorRequirement, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if ((values ?? []).length !== 1) {
      errors.push(
        required(
          path.at('values'),
          "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
      );
    }
  } else errors.push(invalid(path.at('operator'), operator ?? '', 'not a valid selector operator'));
  if (key !== 'metadata.name') return [...errors, invalid(path.at('key'), key ?? '', 'not a valid field selector key')];
  return [
    ...errors,
    ...eachItem(values, path.at('values'), (value, at) => invalidFor(isNodeName(value, false), value, at)),
  ];
}

export function validateAffinity(affinity: Affinity | undefined, path: FieldPath): FieldError[] {
  if (!affinity) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const errors: FieldError[] = [];
  if (nodeAffinity) {
    const at = path.at('nodeAffinity');
    const { requiredDuringSchedulingIgnoredDuringExecution: hard } = nodeAffinity;
    if (hard) errors.push(...validateNodeSelector(hard, at.at('requiredDuringSchedulingIgnoredDuringExecution')));
    errors.push(
      ...eachItem(
        nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution,
        at.at('preferredDuringSchedulingIgnoredDuringExecution'),
        ({ weight, preference }, termPath) => [
          ...termWeight(weight, termPath.at('weight')),
          ...validateNodeSelectorTerm(preference ?? {}, termPath.at('preference')),
        ],
      ),
    );
  }
  for (const [field, terms] of Object.entries({ podAffinity, podAntiAffinity })) {
    if (!terms) continue;
    const at = path.at(field);
    errors.push(
      ...eachItem(
        terms.requiredDuringSchedulingIgnoredDuringExecution,
        at.at('requiredDuringSchedulingIgnoredDuringExecution'),
        validatePodAffinityTerm,
      ),
      ...eachItem(
        terms.preferredDuringSchedulingIgnoredDuringExecution,
        at.at('preferredDuringSchedulingIgnoredDuringExecution'),
        ({ weight, podAffinityTerm }, termPath) => [
          ...termWeight(weight, termPath.at('weight')),
          ...validatePodAffinityTerm(podAffinityTerm, termPath.at('podAffinityTerm')),
        ],
      ),
    );
  }
  return errors;
}

function termWeight(weight: number, path: FieldPath): FieldError[] {
  return weight >= 1 && weight <= MAX_WEIGHT ? [] : [invalid(path, weight, 'must be in the range 1-100')];
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: FieldPath): FieldError[] {
  return [
    ...validateLabelSelector(term.labelSelector, path.at('labelSelector')),
    ...validateLabelSelector(term.namespaceSelector, path.at('namespaceSelector')),
    ...(term.namespaces ?? []).flatMap((name) => invalidFor(isDnsLabel(name, false), name, path.at('namespace'))),
    ...validateMatchKeys(term, path),
    ...validateTopologyKey(term.topologyKey, path.at('topologyKey')),
  ];
}

function validateTopologyKey(key: string, path: FieldPath): FieldError[] {
  return [...(key ? [] : [required(path, 'can not be empty')]), ...validateLabelName(key ?? '', path)];
}

function validateMatchKeys(term: PodAffinityTerm, path: FieldPath): FieldError[] {
  const { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector } = term;
  const errors: FieldError[] = [];
  for (const [field, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    errors.push(...validateKeysOf(keys, path.at(field), labelSelector));
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    if (!mismatchLabelKeys.includes(key)) continue;
    errors.push(
      invalid(path.at('matchLabelKeys').index(index), key, 'exists in both matchLabelKeys and mismatchLabelKeys'),
    );
  }
  return [...errors, ...keysOutsideSelector([matchLabelKeys, mismatchLabelKeys], labelSelector, path)];
}

/**
 * A key that is taken from the pod's labels cannot be in the selector already. The server has added what it took from
 * the labels at the end of the selector: that part is left out.
 */
function keysOutsideSelector(
  lists: readonly (readonly string[])[],
  selector: LabelSelector | undefined,
  path: FieldPath,
): FieldError[] {
  const expressions = [...(selector?.matchExpressions ?? [])];
  for (const key of lists.flat().reverse()) {
    const last = expressions.at(-1);
    if (last?.key === key && last.values?.length === 1) expressions.pop();
  }
  const seen = new Set([...Object.keys(selector?.matchLabels ?? {}), ...expressions.map(({ key }) => key)]);
  return lists.flatMap((keys) =>
    eachItem(keys, path, (key, at) => {
      if (seen.has(key)) return [invalid(at, key, 'exists in both matchLabelKeys and labelSelector')];
      seen.add(key);
      return [];
    }),
  );
}

function validateKeysOf(keys: readonly string[], path: FieldPath, selector: LabelSelector | undefined): FieldError[] {
  if (keys.length === 0) return [];
  if (!selector) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return eachItem(keys, path, (key, at) => validateLabelName(key, at));
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
export const TAINT_EFFECTS = EFFECTS;

export function validateTolerations(tolerations: readonly Toleration[] | undefined, path: FieldPath): FieldError[] {
  return eachItem(tolerations, path, (toleration, at) => {
    const { key, operator, value, effect, tolerationSeconds } = toleration;
    const errors: FieldError[] = key ? validateLabelName(key, at.at('key')) : [];
    if (!key && operator !== 'Exists') {
      errors.push(
        invalid(
          at.at('operator'),
          operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalid(at.at('effect'), effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (!operator || operator === 'Equal') {
      const messages = isLabelValue(value ?? '');
      if (messages.length > 0) errors.push(invalid(at.at('operator'), value ?? '', messages.join(';')));
    } else if (operator === 'Exists') {
      if (value) errors.push(invalid(at.at('operator'), toleration, "value must be empty when `operator` is 'Exists'"));
    } else errors.push(notSupported(at.at('operator'), operator, ['Equal', 'Exists']));
    return [...errors, ...optionalOneOf(effect, EFFECTS, at.at('effect'))];
  });
}

const UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway'];
const NODE_POLICIES = ['Honor', 'Ignore'];

export function validateSpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: FieldPath,
): FieldError[] {
  return eachItem(constraints, path, (constraint, at, index) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, matchLabelKeys = [], labelSelector } = constraint;
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(invalid(at.at('maxSkew'), maxSkew, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(at.at('topologyKey'), 'can not be empty'));
    if (!UNSATISFIABLE.includes(whenUnsatisfiable)) {
      errors.push(notSupported(at.at('whenUnsatisfiable'), whenUnsatisfiable, UNSATISFIABLE));
    }
    const pair = (other: TopologySpreadConstraint) =>
      other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable;
    if ((constraints ?? []).slice(index + 1).some(pair)) {
      errors.push(duplicate(at.at('{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`));
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.push(invalid(at.at('minDomains'), minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        errors.push(
          invalid(
            at.at('minDomains'),
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
      }
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined && !NODE_POLICIES.includes(policy)) {
        errors.push(notSupported(at.at(field), policy, NODE_POLICIES));
      }
    }
    return [
      ...errors,
      ...validateKeysOf(matchLabelKeys, at.at('matchLabelKeys'), labelSelector),
      ...keysOutsideSelector([matchLabelKeys], labelSelector, at),
      ...validateLabelSelector(labelSelector, at.at('labelSelector')),
    ];
  });
}

export function validateReadinessGates(gates: readonly PodReadinessGate[] | undefined, path: FieldPath): FieldError[] {
  return eachItem(gates, path, ({ conditionType }, at) =>
    invalidFor(isQualifiedName(conditionType), conditionType, at.at('conditionType')),
  );
}

export function validateSchedulingGates(
  gates: readonly PodSchedulingGate[] | undefined,
  path: FieldPath,
): FieldError[] {
  const seen = new Set<string>();
  return eachItem(gates, path, ({ name }, at) => {
    const errors = invalidFor(isQualifiedName(name), name, at);
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    return errors;
  });
}
