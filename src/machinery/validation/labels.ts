import { type FieldError, type FieldPath, invalid, required, tooLong } from '../field-error.ts';
import { isDnsSubdomain } from './names.ts';

/** Checks of labels, annotations and other keyed names. Source: API reference, "Labels and Selectors". */

const MAX_NAME = 63;
const MAX_LABEL_VALUE = 63;
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED_TEXT = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const NAME_PART = regexMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED_TEXT,
  ['MyName', 'my.name', '123-abc'],
);
const KEY_FORM = regexMessage(
  "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED_TEXT,
  ['MyName', 'my.name', '123-abc'],
);
const VALUE_FORM = regexMessage(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  `(${QUALIFIED_TEXT})?`,
  ['MyValue', 'my_value', '12345'],
);

/** Messages as upstream composes them where a value does not have the form of a pattern. */
export function regexMessage(message: string, pattern: string, examples: readonly string[] = []): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const shown = examples.map((example, at) => `${at > 0 ? ' or ' : ''}'${example}', `).join('');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

/** A name with an optional DNS prefix, `example.com/name`: keys of labels, annotations and resources. */
export function isQualifiedName(value: string): readonly string[] {
  const parts = value.split('/');
  const messages: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return [`${KEY_FORM} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') messages.push('prefix part must be non-empty');
    else messages.push(...isDnsSubdomain(prefix, false).map((message) => `prefix part ${message}`));
  }
  if (name === '') messages.push('name part must be non-empty');
  else if (name.length > MAX_NAME) messages.push(`name part must be no more than ${MAX_NAME} bytes`);
  if (!QUALIFIED.test(name)) messages.push(`name part ${NAME_PART}`);
  return messages;
}

export function isLabelValue(value: string): readonly string[] {
  const messages: string[] = [];
  if (value.length > MAX_LABEL_VALUE) messages.push(`must be no more than ${MAX_LABEL_VALUE} bytes`);
  if (!LABEL_VALUE.test(value)) messages.push(VALUE_FORM);
  return messages;
}

export function validateLabelName(key: string, path: FieldPath): FieldError[] {
  return isQualifiedName(key).map((message) => invalid(path, key, message));
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: FieldPath): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...validateLabelName(key, path),
    ...isLabelValue(value).map((message) => invalid(path, value, message)),
  ]);
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...isQualifiedName(key.toLowerCase()).map((message) => invalid(path, key, message)));
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(path, MAX_ANNOTATIONS_BYTES));
  return errors;
}

interface LabelSelectorShape {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Checks a meta/v1 LabelSelector. `lenientValues` accepts label values that are no longer valid (stored objects). */
export function validateLabelSelector(
  selector: LabelSelectorShape | null | undefined,
  path: FieldPath,
  options: { readonly lenientValues?: boolean } = {},
): FieldError[] {
  if (!selector) return [];
  const errors = validateLabels(selector.matchLabels, path.at('matchLabels'));
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    const at = path.at('matchExpressions').index(index);
    const count = requirement.values?.length ?? 0;
    switch (requirement.operator) {
      case 'In':
      case 'NotIn':
        if (count === 0) {
          errors.push(required(at.at('values'), "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (count > 0) errors.push(forbiddenValues(at.at('values')));
        break;
      default:
        errors.push(invalid(at.at('operator'), requirement.operator, 'not a valid selector operator'));
    }
    errors.push(...validateLabelName(requirement.key, at.at('key')));
    if (options.lenientValues) continue;
    for (const [position, value] of (requirement.values ?? []).entries()) {
      errors.push(...isLabelValue(value).map((message) => invalid(at.at('values').index(position), value, message)));
    }
  }
  return errors;
}

function forbiddenValues(path: FieldPath): FieldError {
  return {
    type: 'FieldValueForbidden',
    field: path.toString(),
    message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
  };
}
