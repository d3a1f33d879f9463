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
