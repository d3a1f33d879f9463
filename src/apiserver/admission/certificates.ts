import { isDeepStrictEqual } from 'node:util';
import type { CertificateSigningRequest } from '#machinery/types/certificates-v1.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { refusal } from './refuse.ts';

const GROUP = 'certificates.k8s.io';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const MASTERS = 'system:masters';

/** Who approves needs the verb `approve` on the signer. Source: "Certificates and Certificate Signing Requests". */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    async validate(request) {
      const written = writtenRequest(request, 'UPDATE', 'approval');
      if (!written) return;
      // the stored signer decides: the one that was sent may be anything
      const signer = (request.oldObject as CertificateSigningRequest | undefined)?.spec.signerName ?? '';
      if (await mayUseSigner(authorizer, request, 'approve', signer)) return;
      throw refusal(request, `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

/** Who signs needs the verb `sign`. Only a change of what signing gives counts. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    async validate(request) {
      const written = writtenRequest(request, 'UPDATE', 'status');
      const old = request.oldObject as CertificateSigningRequest | undefined;
      if (!written || !old || sameResult(written, old)) return;
      const signer = old.spec.signerName;
      if (await mayUseSigner(authorizer, request, 'sign', signer)) return;
      throw refusal(request, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

/** Who publishes trust in a signer needs the verb `attest` on it. Source: KEP-3257. */
export function clusterTrustBundleAttest(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    async validate(request) {
      const { group, resource, subresource, operation } = request;
      if (group !== GROUP || resource !== 'clustertrustbundles' || subresource) return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      const bundle = request.object as TrustBundle | undefined;
      const signer = bundle?.spec.signerName;
      const old = request.oldObject as TrustBundle | undefined;
      // metadata may be written by whoever may update: the garbage collector does
      if (!signer || (old?.spec.signerName === signer && old.spec.trustBundle === bundle.spec.trustBundle)) return;
      if (await mayUseSigner(authorizer, request, 'attest', signer)) return;
      throw refusal(request, `user not permitted to attest for signerName ${JSON.stringify(signer)}`);
    },
  };
}

/** Of any version. */
interface TrustBundle {
  readonly spec: { readonly signerName?: string; readonly trustBundle: string };
}

/** Nobody gets a client certificate of `system:masters` by asking, whoever approves. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  async validate(request) {
    const written = writtenRequest(request, 'CREATE', '');
    if (!written || written.spec.signerName !== CLIENT_SIGNER) return;
    const { readCertificateRequest } = await import('#pki/certificate-request.ts');
    const asked = readCertificateRequest(written.spec.request ?? '');
    if (!asked) throw refusal(request, 'failed to parse CSR');
    if (asked.organizations.includes(MASTERS)) {
      throw refusal(request, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
    }
  },
};

function writtenRequest(
  { operation, group, resource, subresource, object }: AdmissionRequest,
  wantedOperation: string,
  wantedSubresource: string,
): CertificateSigningRequest | undefined {
  const matches =
    operation === wantedOperation &&
    group === GROUP &&
    resource === 'certificatesigningrequests' &&
    subresource === wantedSubresource;
  return matches ? (object as CertificateSigningRequest | undefined) : undefined;
}

function sameResult(written: CertificateSigningRequest, old: CertificateSigningRequest): boolean {
  return isDeepStrictEqual(result(written), result(old));
}

function result({ status }: CertificateSigningRequest): unknown {
  return JSON.parse(JSON.stringify([status?.certificate ?? '', status?.conditions ?? []]));
}

/** A right may be given for one signer or for all of a domain: `example.com/*`. */
async function mayUseSigner(
  authorizer: Authorizer,
  { user }: AdmissionRequest,
  verb: 'approve' | 'sign' | 'attest',
  signer: string,
): Promise<boolean> {
  for (const name of [signer, `${signer.slice(0, signer.indexOf('/'))}/*`]) {
    const { decision } = await authorizer.authorize({
      user,
      verb,
      isResource: true,
      group: GROUP,
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    });
    if (decision === 'allow') return true;
  }
  return false;
}
