import {
  duplicate,
  type FieldError,
  FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '#machinery/types/certificates-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { wrongCertificates, wrongRequest } from '../pem.ts';
import { validateSignerName } from '../signer-name.ts';

const SPEC = FieldPath.of('spec');
const CONDITIONS = FieldPath.of('status', 'conditions');
const CERTIFICATE = FieldPath.of('status', 'certificate');
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const MIN_SECONDS = 600;
const STATUSES = ['False', 'True', 'Unknown'];
const DECISIONS = ['Approved', 'Denied', 'Failed'];
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

export function validateRequest({ spec, status }: CertificateSigningRequest): FieldError[] {
  const { request, usages, signerName, expirationSeconds } = spec;
  const wrong = wrongRequest(Buffer.from(request ?? '', 'base64'));
  const wrongCertificate = wrongCertificates(Buffer.from(status?.certificate ?? '', 'base64'));
  return [
    ...(wrong ? [invalid(SPEC.at('request'), request, wrong)] : []),
    ...validateUsages(usages ?? [], SPEC.at('usages')),
    ...(signerName === LEGACY_SIGNER
      ? [invalid(SPEC.at('signerName'), signerName, 'the legacy signerName is not allowed via this API version')]
      : validateSignerName(signerName, SPEC.at('signerName'))),
    ...(expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS
      ? [
          invalid(
            SPEC.at('expirationSeconds'),
            expirationSeconds,
            'may not specify a duration less than 600 seconds (10 minutes)',
          ),
        ]
      : []),
    ...validateConditions(status?.conditions ?? []),
    ...(wrongCertificate ? [invalid(CERTIFICATE, '<certificate data>', wrongCertificate)] : []),
  ];
}

function validateUsages(usages: readonly string[], path: FieldPath): FieldError[] {
  if (usages.length === 0) return [required(path)];
  return eachItem(usages, path, (usage, at, index) => [
    ...(USAGES.includes(usage) ? [] : [notSupported(at, usage, USAGES)]),
    ...(usages.indexOf(usage) < index ? [duplicate(at, usage)] : []),
  ]);
}

function validateConditions(conditions: readonly CertificateSigningRequestCondition[]): FieldError[] {
  const seen = new Set<string>();
  return eachItem(conditions, CONDITIONS, ({ type, status }, path) => {
    const errors: FieldError[] = [];
    if (!type) errors.push(required(path.at('type')));
    const allowed = DECISIONS.includes(type) ? ['True'] : STATUSES;
    if (!status) errors.push(required(path.at('status')));
    else if (!allowed.includes(status)) errors.push(notSupported(path.at('status'), status, allowed));
    if (seen.has(type)) errors.push(duplicate(path.at('type'), type));
    seen.add(type);
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (other && seen.has(other)) {
      errors.push(invalid(CONDITIONS, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    return errors;
  });
}

/** What a write may add: an approver its decision, a signer its certificate. */
interface Allowed {
  readonly approval?: boolean;
  readonly certificate?: boolean;
}

export function validateRequestUpdate(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  allowed: Allowed,
): FieldError[] {
  const errors = validateRequest(request);
  for (const type of DECISIONS) {
    const [now, before] = [count(request, type), count(old, type)];
    if (now < before) errors.push(forbidden(CONDITIONS, `updates may not remove a condition of type "${type}"`));
    if (now > before && type !== 'Failed' && !allowed.approval) {
      errors.push(forbidden(CONDITIONS, `updates may not add a condition of type "${type}"`));
    }
  }
  const [now, before] = [request.status?.certificate ?? '', old.status?.certificate ?? ''];
  if (now === before) return errors;
  if (!allowed.certificate) errors.push(forbidden(CERTIFICATE, 'updates may not set certificate content'));
  else if (before) errors.push(forbidden(CERTIFICATE, 'updates may not change existing certificate content'));
  return errors;
}

function count({ status }: CertificateSigningRequest, type: string): number {
  return (status?.conditions ?? []).filter((condition) => condition.type === type).length;
}
