import { type FieldError, type FieldPath, notSupported, required, tooMany } from '#machinery/field-error.ts';
import type { Container, ContainerRestartRule } from '#machinery/types/core-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';

const POLICIES = ['Always', 'Never', 'OnFailure'];
const ACTIONS = ['Restart', 'RestartAllContainers'];
const OPERATORS = ['In', 'NotIn'];
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** A container's own restart policy and its rules by exit code. Source: KEP-5307. */
export function validateRestartRules(container: Container, path: FieldPath): FieldError[] {
  const { restartPolicy, restartPolicyRules } = container;
  const errors: FieldError[] = [];
  if (restartPolicy !== undefined && !POLICIES.includes(restartPolicy)) {
    errors.push(notSupported(path.at('restartPolicy'), restartPolicy, POLICIES));
  }
  const rules = restartPolicyRules ?? [];
  if (rules.length === 0) return errors;
  const at = path.at('restartPolicyRules');
  if (restartPolicy === undefined) {
    errors.push(required(path.at('restartPolicy'), 'must specify restartPolicy when restart rules are used'));
  }
  if (rules.length > MAX_RULES) errors.push(tooMany(at, rules.length, MAX_RULES));
  return [...errors, ...eachItem(rules, at, validateRule)];
}

function validateRule(rule: ContainerRestartRule, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (!ACTIONS.includes(rule.action)) errors.push(notSupported(path.at('action'), rule.action, ACTIONS));
  const { exitCodes } = rule;
  if (!exitCodes) return [...errors, required(path.at('exitCodes'), 'must be specified')];
  const at = path.at('exitCodes');
  if (!OPERATORS.includes(exitCodes.operator)) {
    errors.push(notSupported(at.at('operator'), exitCodes.operator ?? '', OPERATORS));
  }
  const values = exitCodes.values ?? [];
  if (values.length > MAX_EXIT_CODES) errors.push(tooMany(at.at('values'), values.length, MAX_EXIT_CODES));
  return errors;
}
