import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts';
import type { Int64 } from '../int64.ts';
import { eachItem } from './basics.ts';
import { regexMessage, validateLabelName } from './labels.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const REASON_FORM = regexMessage(
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
  REASON,
  ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'],
);
const MAX_REASON = 1024;
const MAX_MESSAGE = 32 * 1024;

interface ConditionShape {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration?: Int64;
  readonly lastTransitionTime: string | null;
  readonly reason: string;
  readonly message: string;
}

/** Checks meta/v1 conditions: one of each type. */
export function validateConditions(
  conditions: readonly ConditionShape[] | null | undefined,
  path: FieldPath,
): FieldError[] {
  const types = new Set<string>();
  return eachItem(conditions, path, (condition, at) => {
    const errors = types.has(condition.type) ? [duplicate(at.at('type'), condition.type)] : [];
    types.add(condition.type);
    return [...errors, ...validateCondition(condition, at)];
  });
}

function validateCondition(condition: ConditionShape, path: FieldPath): FieldError[] {
  const { type, status, observedGeneration = 0, lastTransitionTime, reason, message } = condition;
  const errors = validateLabelName(type, path.at('type'));
  if (!STATUSES.includes(status)) errors.push(notSupported(path.at('status'), status, STATUSES));
  if (observedGeneration < 0) {
    errors.push(invalid(path.at('observedGeneration'), observedGeneration, 'must be greater than or equal to zero'));
  }
  if (!lastTransitionTime) errors.push(required(path.at('lastTransitionTime'), 'must be set'));
  if (!reason) errors.push(required(path.at('reason'), 'must be set'));
  else {
    if (!new RegExp(`^${REASON}$`).test(reason)) errors.push(invalid(path.at('reason'), reason, REASON_FORM));
    if (reason.length > MAX_REASON) errors.push(tooLong(path.at('reason'), MAX_REASON));
  }
  if (message.length > MAX_MESSAGE) errors.push(tooLong(path.at('message'), MAX_MESSAGE));
  return errors;
}
