import { duplicate, type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '#machinery/types/admissionregistration-v1.ts';
import { eachItem, invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { validateConditions } from '#machinery/validation/conditions.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { validatePolicy } from '../policy.ts';

const SPEC = FieldPath.of('spec');
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const MAX_ANNOTATIONS = 20;

export function validateValidatingPolicy({ metadata, spec }: ValidatingAdmissionPolicy): FieldError[] {
  return [
    ...validatePolicy(spec, SPEC),
    ...validateGiven(spec),
    ...eachItem(spec.validations, SPEC.at('validations'), validateValidation),
    ...validateAnnotations(spec.auditAnnotations ?? [], metadata.name ?? ''),
  ];
}

export function validatePolicyStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  const path = FieldPath.of('status');
  return [
    ...eachItem(
      status?.typeChecking?.expressionWarnings,
      path.at('typeChecking', 'expressionWarnings'),
      ({ fieldRef, warning }, at) => [...nonEmpty(fieldRef, at.at('fieldRef')), ...nonEmpty(warning, at.at('warning'))],
    ),
    ...validateConditions(status?.conditions, path.at('conditions')),
  ];
}

function validateGiven({ validations, auditAnnotations }: ValidatingAdmissionPolicySpec): FieldError[] {
  if ((validations ?? []).length > 0 || (auditAnnotations ?? []).length > 0) return [];
  const detail = 'validations or auditAnnotations must contain at least one item';
  return [required(SPEC.at('validations'), detail), required(SPEC.at('auditAnnotations'), detail)];
}

function validateValidation(
  { expression, message, messageExpression, reason }: Validation,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const text = message?.trim() ?? '';
  if (!expression?.trim()) errors.push(required(path.at('expression'), 'expression is not specified'));
  if (messageExpression && !messageExpression.trim()) {
    errors.push(invalid(path.at('messageExpression'), messageExpression, 'must be non-empty if specified'));
  }
  if (message && text === '') {
    errors.push(invalid(path.at('message'), message, 'message must be non-empty if specified'));
  } else if (/[\n\r]/.test(text)) {
    errors.push(invalid(path.at('message'), message, 'message must not contain line breaks'));
  } else if (/[\n\r]/.test(expression?.trim() ?? '') && text === '') {
    errors.push(required(path.at('message'), 'message must be specified if expression contains line breaks'));
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(path.at('reason'), reason, REASONS));
  return errors;
}

/** Keys become names of audit annotations, after the policy's own name. */
function validateAnnotations(annotations: readonly AuditAnnotation[], policy: string): FieldError[] {
  const path = SPEC.at('auditAnnotations');
  const keys = new Set<string>();
  const tooMany = `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`;
  const errors = annotations.length > MAX_ANNOTATIONS ? [invalid(path, annotations, tooMany)] : [];
  return [
    ...errors,
    ...eachItem(annotations, path, ({ key, valueExpression }, at) => {
      const found = invalidFor(
        isQualifiedName(policy ? `${policy}/${key ?? ''}` : (key ?? '')),
        key ?? '',
        at.at('key'),
      );
      if (!valueExpression?.trim()) found.push(required(at.at('valueExpression'), 'valueExpression is not specified'));
      if (keys.has(key)) found.push(duplicate(at.at('key'), key));
      keys.add(key);
      return found;
    }),
  ];
}
