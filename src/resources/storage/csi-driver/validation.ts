import { duplicate, type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { CSIDriver, CSIDriverSpec, TokenRequest } from '#machinery/types/storage-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';

const SPEC = FieldPath.of('spec');
const FS_GROUP_POLICIES = ['ReadWriteOnceWithFSType', 'File', 'None'];
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral'];
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_UPDATE_PERIOD_SECONDS = 10;

export function validateCsiDriver({ spec }: CSIDriver): FieldError[] {
  return validateSpec(spec);
}

export function validateCsiDriverUpdate({ spec }: CSIDriver, old: CSIDriver): FieldError[] {
  return [
    ...validateSpec(spec),
    ...validateImmutable(spec.attachRequired, old.spec.attachRequired, SPEC.at('attachedRequired')),
    ...validateImmutable(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes, SPEC.at('volumeLifecycleModes')),
  ];
}

function validateSpec(spec: CSIDriverSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.attachRequired === undefined) errors.push(required(SPEC.at('attachedRequired')));
  for (const field of ['podInfoOnMount', 'storageCapacity', 'fsGroupPolicy', 'seLinuxMount'] as const) {
    if (spec[field] === undefined) errors.push(required(SPEC.at(field)));
  }
  if (spec.fsGroupPolicy !== undefined && !FS_GROUP_POLICIES.includes(spec.fsGroupPolicy)) {
    errors.push(notSupported(SPEC.at('fsGroupPolicy'), spec.fsGroupPolicy, FS_GROUP_POLICIES));
  }
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!LIFECYCLE_MODES.includes(mode))
      errors.push(notSupported(SPEC.at('volumeLifecycleModes'), mode, LIFECYCLE_MODES));
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < MIN_UPDATE_PERIOD_SECONDS) {
    const path = SPEC.at('nodeAllocatableUpdatePeriodSeconds');
    errors.push(invalid(path, period, `must be greater than or equal to ${MIN_UPDATE_PERIOD_SECONDS} seconds`));
  }
  if (spec.serviceAccountTokenInSecrets !== undefined && (spec.tokenRequests ?? []).length === 0) {
    const path = SPEC.at('serviceAccountTokenInSecrets');
    errors.push(invalid(path, spec.serviceAccountTokenInSecrets, 'must not be set when tokenRequests is empty'));
  }
  return [...errors, ...validateTokenRequests(spec.tokenRequests, SPEC.at('tokenRequests'))];
}

function validateTokenRequests(requests: readonly TokenRequest[] | undefined, path: FieldPath): FieldError[] {
  const audiences = new Set<string>();
  return eachItem(requests, path, ({ audience, expirationSeconds }, at) => {
    if (audiences.has(audience)) return [duplicate(at.at('audience'), audience)];
    audiences.add(audience);
    if (expirationSeconds === undefined) return [];
    const expiration = at.at('expirationSeconds');
    if (expirationSeconds < MIN_TOKEN_SECONDS) {
      return [invalid(expiration, expirationSeconds, 'may not specify a duration less than 10 minutes')];
    }
    return expirationSeconds > MAX_TOKEN_SECONDS
      ? [invalid(expiration, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')]
      : [];
  });
}
