import type { FieldError } from '#machinery/field-error.ts';
import { forbiddenError, StatusError } from '#machinery/status.ts';
import type { StatusCause } from '#machinery/types/meta-v1.ts';
import type { AdmissionRequest } from './admission.ts';

/** 403 in upstream's form: it names the resource and the object, or the beginning of its name where it has none yet. */
export function refusal(request: AdmissionRequest, why: string): StatusError {
  const { name, generateName } = request.object?.metadata ?? {};
  const shown = name || request.name || generateName || '';
  return forbiddenError({ group: request.group, resource: request.resource }, shown, why);
}

/** The same with causes. */
export function refusalWithCauses(request: AdmissionRequest, why: string, causes: readonly StatusCause[]): StatusError {
  const { status } = refusal(request, why);
  return new StatusError({ ...status, details: { ...status.details, causes } });
}

/** Field errors as one sentence: `a: Required value, b: Invalid value: "x"`, in brackets where there are several. */
export function showErrors(errors: readonly FieldError[]): string {
  const shown = errors.map(({ field, message }) => `${field}: ${message}`);
  return shown.length === 1 ? (shown[0] ?? '') : `[${shown.join(', ')}]`;
}
