import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalid,
  notSupported,
  required,
  tooMany,
} from '#machinery/field-error.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '#machinery/types/batch-v1.ts';
import { eachItem, nonNegative } from '#machinery/validation/basics.ts';
import { validateLabelName } from '#machinery/validation/labels.ts';

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_PATTERNS = 20;
const MAX_INDEXES_TEXT = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const STATUSES = ['False', 'True', 'Unknown'];

/** How failures of pods count. Source: KEP-3329. */
export function validateFailurePolicy(spec: JobSpec, path: FieldPath): FieldError[] {
  const { podFailurePolicy } = spec;
  if (!podFailurePolicy) return [];
  const rules = podFailurePolicy.rules ?? [];
  const at = path.at('rules');
  if (rules.length > MAX_RULES) return [tooMany(at, rules.length, MAX_RULES)];
  const names = new Set(
    [...(spec.template.spec?.containers ?? []), ...(spec.template.spec?.initContainers ?? [])].map(({ name }) => name),
  );
  return eachItem(rules, at, (rule, rulePath) => validateRule(rule, spec, names, rulePath));
}

function validateRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  names: ReadonlySet<string>,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.action)
    errors.push(required(path.at('action'), `valid values: ${ACTIONS.map((action) => `"${action}"`).join(', ')}`));
  else if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(path.at('action'), rule.action, 'requires the backoffLimitPerIndex to be set'));
  } else if (!ACTIONS.includes(rule.action)) errors.push(notSupported(path.at('action'), rule.action, ACTIONS));
  const { onExitCodes, onPodConditions = [] } = rule;
  if (onExitCodes) errors.push(...validateExitCodes(onExitCodes, names, path.at('onExitCodes')));
  if (onPodConditions.length > 0) {
    const at = path.at('onPodConditions');
    if (onPodConditions.length > MAX_PATTERNS) errors.push(tooMany(at, onPodConditions.length, MAX_PATTERNS));
    else {
      errors.push(
        ...eachItem(onPodConditions, at, ({ type, status }, patternPath) => [
          ...validateLabelName(type ?? '', patternPath.at('type')),
          ...(!status
            ? [required(patternPath.at('status'), `valid values: ${STATUSES.map((each) => `"${each}"`).join(', ')}`)]
            : STATUSES.includes(status)
              ? []
              : [notSupported(patternPath.at('status'), status, STATUSES)]),
        ]),
      );
    }
  }
  if (onExitCodes && onPodConditions.length > 0) {
    errors.push(invalid(path, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    errors.push(invalid(path, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validateExitCodes(
  { operator, values, containerName }: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!operator) errors.push(required(path.at('operator'), 'valid values: "In", "NotIn"'));
  else if (operator !== 'In' && operator !== 'NotIn')
    errors.push(notSupported(path.at('operator'), operator, ['In', 'NotIn']));
  if (containerName !== undefined && !names.has(containerName)) {
    errors.push(
      invalid(
        path.at('containerName'),
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  }
  const codes = values ?? [];
  const at = path.at('values');
  if (codes.length === 0) errors.push(invalid(at, codes, 'at least one value is required'));
  else if (codes.length > MAX_EXIT_CODES) errors.push(tooMany(at, codes.length, MAX_EXIT_CODES));
  let ordered = true;
  const seen = new Set<number>();
  for (const [index, code] of codes.entries()) {
    if (operator === 'In' && code === 0)
      errors.push(invalid(at.index(index), code, 'must not be 0 for the In operator'));
    if (seen.has(code)) errors.push(duplicate(at.index(index), code));
    else if (index > 0 && (codes[index - 1] ?? code) > code) ordered = false;
    seen.add(code);
  }
  if (!ordered) errors.push(invalid(at, codes, 'must be ordered'));
  return errors;
}

/** When a job has succeeded before all is done. Source: KEP-3998. */
export function validateSuccessPolicy(spec: JobSpec, path: FieldPath): FieldError[] {
  const { successPolicy } = spec;
  if (!successPolicy) return [];
  const at = path.at('successPolicy');
  if (spec.completionMode !== 'Indexed') {
    return [invalid(at, successPolicy, 'requires indexed completion mode')];
  }
  const rules = successPolicy.rules ?? [];
  if (rules.length === 0)
    return [required(at.at('rules'), 'at least one rules must be specified when the successPolicy is specified')];
  if (rules.length > MAX_RULES) return [tooMany(at.at('rules'), rules.length, MAX_RULES)];
  return eachItem(rules, at.at('rules'), (rule, rulePath) =>
    validateSuccessRule(rule, spec.completions ?? 0, rulePath),
  );
}

function validateSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  path: FieldPath,
): FieldError[] {
  if (succeededCount === undefined && succeededIndexes === undefined) {
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')];
  }
  const errors: FieldError[] = [];
  let total = completions;
  if (succeededIndexes !== undefined) {
    const at = path.at('succeededIndexes');
    const count = countIndexes(succeededIndexes, completions);
    if (succeededIndexes.length > MAX_INDEXES_TEXT) {
      errors.push({
        type: 'FieldValueTooLong',
        field: at.toString(),
        message: `Too long: may not be more than ${MAX_INDEXES_TEXT} bytes`,
      });
    }
    if (count === undefined) errors.push(invalid(at, succeededIndexes, 'error parsing succeededIndexes'));
    else total = count;
  }
  if (succeededCount !== undefined) {
    const at = path.at('succeededCount');
    errors.push(...nonNegative(succeededCount, at));
    if (succeededCount > completions) {
      errors.push(
        invalid(
          at,
          succeededCount,
          `must be less than or equal to ${completions} (the number of specified completions)`,
        ),
      );
    } else if (succeededIndexes !== undefined && succeededCount > total) {
      errors.push(
        invalid(
          at,
          succeededCount,
          `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
        ),
      );
    }
  }
  return errors;
}

/** `0,2-4`: how many; undefined where the text is no ascending list of indexes below the number of completions. */
function countIndexes(text: string, completions: number): number | undefined {
  return parseIndexes(text, completions)?.reduce((count, [from, to]) => count + to - from + 1, 0);
}

/** The ranges in a list of indexes, both ends included; undefined where it is no ascending list below `completions`. */
export function parseIndexes(text: string, completions: number): (readonly [from: number, to: number])[] | undefined {
  let last = -1;
  const ranges: (readonly [number, number])[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return undefined;
    const from = Number(match[1]);
    const to = match[2] === undefined ? from : Number(match[2]);
    if (from <= last || to < from || (match[2] !== undefined && to === from) || to >= completions) return undefined;
    ranges.push([from, to]);
    last = to;
  }
  return ranges;
}
