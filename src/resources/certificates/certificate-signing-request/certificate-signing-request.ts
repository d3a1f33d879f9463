import { humanDuration } from '#machinery/duration.ts';
import { type Draft, draftOf } from '#machinery/object.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { formatTime } from '#machinery/time.ts';
import type { CertificateSigningRequest } from '#machinery/types/certificates-v1.ts';
import { isPathSegment } from '#machinery/validation/names.ts';
import { validateRequest, validateRequestUpdate } from './validation.ts';

const SECOND_MS = 1000;

/** Asks a signer for a certificate. Source: certificates.k8s.io/v1 API. */
export const certificateSigningRequest = defineResource('certificates.k8s.io/v1', 'CertificateSigningRequest', {
  plural: 'certificatesigningrequests',
  scope: 'cluster',
  shortNames: ['csr'],
  validateName: isPathSegment,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  allColumns: [
    nameColumn,
    ageColumn,
    column('SignerName', ({ spec }) => spec.signerName || '<none>'),
    column('Requestor', ({ spec }) => spec.username ?? ''),
    column('RequestedDuration', ({ spec: { expirationSeconds } }) =>
      expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * SECOND_MS),
    ),
    column('Condition', conditionCell),
  ],

  /** Who asks is what the server knows, not what the request says. */
  prepareForCreate(draft, { user }) {
    draft.spec ??= { request: null, signerName: '' };
    const { spec } = draft;
    for (const field of ['username', 'uid', 'groups', 'extra'] as const) delete spec[field];
    spec.username = user.name;
    if (user.uid) spec.uid = user.uid;
    if (user.groups.length > 0) spec.groups = [...user.groups];
    if (user.extra && Object.keys(user.extra).length > 0) spec.extra = draftOf(user.extra);
    draft.status = {};
  },
  prepareForUpdate(draft, old) {
    draft.spec = draftOf(old.spec);
  },
  validate: (request) => validateRequest(request),
  validateUpdate: (request, old) => validateRequestUpdate(request, old, {}),

  subresources: {
    status: {
      prepareForUpdate(draft, old, { now }) {
        setConditionTimes(draft, old, now);
      },
      validateUpdate: (request, old) => validateRequestUpdate(request, old, { certificate: true }),
    },
    others: {
      approval: {
        prepareForUpdate(draft, old, { now }) {
          draft.spec = draftOf(old.spec);
          draft.status ??= {};
          setConditionTimes(draft, old, now);
          if (old.status?.certificate === undefined) delete draft.status.certificate;
          else draft.status.certificate = old.status.certificate;
        },
        validateUpdate: (request, old) => validateRequestUpdate(request, old, { approval: true }),
      },
    },
  },
});

/** A condition without times of its own is of now; one that only repeats what is known keeps its beginning. */
function setConditionTimes(
  { status }: Draft<CertificateSigningRequest>,
  old: CertificateSigningRequest,
  now: number,
): void {
  for (const condition of status?.conditions ?? []) {
    condition.lastUpdateTime ||= formatTime(now);
    const known = old.status?.conditions?.find(
      (other) => other.type === condition.type && other.status === condition.status && other.lastTransitionTime,
    );
    condition.lastTransitionTime ||= known?.lastTransitionTime ?? formatTime(now);
  }
}

function conditionCell({ status }: CertificateSigningRequest): string {
  const has = (type: string) => (status?.conditions ?? []).some((condition) => condition.type === type);
  const words = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) words.push('Failed');
  if (status?.certificate) words.push('Issued');
  return words.join(',');
}
