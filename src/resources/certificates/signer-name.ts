import { type FieldError, type FieldPath, invalid, required, tooLong } from '#machinery/field-error.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';

const MAX_DOMAIN = 253;
const MAX_SIGNER_NAME = MAX_DOMAIN + 1 + 253 + 1 + 63;

/** `example.com/signer-name`: a domain and a path of names. */
export function validateSignerName(name: string | undefined, path: FieldPath): FieldError[] {
  if (!name) return [required(path)];
  const [domain = '', rest = '', ...more] = name.split('/');
  if (!name.includes('/') || more.length > 0) {
    return [invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  }
  const labels = domain.split('.');
  return [
    ...(domain.length > MAX_DOMAIN ? [tooLong(path, MAX_DOMAIN)] : []),
    ...firstWrong(labels, (label) => isDnsLabel(label, false), path, domain),
    ...(labels.length < 2
      ? [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]
      : []),
    ...firstWrong(rest.split('.'), (label) => isDnsSubdomain(label, false), path, rest),
    ...(name.length > MAX_SIGNER_NAME ? [tooLong(path, MAX_SIGNER_NAME)] : []),
  ];
}

function firstWrong(
  labels: readonly string[],
  check: (label: string) => readonly string[],
  path: FieldPath,
  value: string,
): FieldError[] {
  const wrong = labels.find((label) => check(label).length > 0);
  if (wrong === undefined) return [];
  return check(wrong).map((message) => invalid(path, value, `validating label "${wrong}": ${message}`));
}
