import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Extended key usages as X509Certificate shows them. Source: RFC 5280, 4.2.1.12. */
const USAGE_OIDS = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

export type Usage = keyof typeof USAGE_OIDS;

/** A certificate and its private key, both PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

/** What a leaf certificate says. Common name and organizations are user and groups to the API server. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usages: readonly Usage[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** A certificate as it is compared and shown. Times are milliseconds since the epoch. */
export interface CertificateFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly usages: readonly Usage[];
  readonly notBefore: number;
  readonly notAfter: number;
}

export function readCertificate(certificate: X509Certificate): CertificateFacts {
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  const keyUsage = certificate.keyUsage ?? [];
  return {
    commonName: [subject['CN'] ?? ''].flat().at(-1) ?? '',
    organizations: [subject['O'] ?? []].flat(),
    usages: (['server', 'client'] as const).filter((usage) => keyUsage.includes(USAGE_OIDS[usage])),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** A pair that was read from disk, if the two parts belong together. */
export interface ParsedCredential extends Credential {
  readonly x509: X509Certificate;
  readonly privateKey: KeyObject;
}

/** Undefined where the text is no certificate, no key, or they do not belong together. */
export function parseCredential(certificate: string, key: string): ParsedCredential | undefined {
  try {
    const x509 = new X509Certificate(certificate);
    const privateKey = createPrivateKey(key);
    return x509.checkPrivateKey(privateKey) ? { certificate, key, x509, privateKey } : undefined;
  } catch {
    return undefined; // damaged text means the same to the caller as a pair that does not match
  }
}

/** Whether a leaf says all that `request` wants, was issued by `issuer` and lives at least until `until` (ms). */
export function satisfies(
  leaf: X509Certificate,
  issuer: X509Certificate,
  request: CertificateRequest,
  until: number,
): boolean {
  const facts = readCertificate(leaf);
  return (
    facts.notAfter >= until &&
    facts.commonName === request.commonName &&
    sameSet(facts.organizations, request.organizations ?? []) &&
    sameSet(facts.usages, request.usages) &&
    (request.dnsNames ?? []).every((name) => leaf.checkHost(name, { subject: 'never', wildcards: false })) &&
    (request.ipAddresses ?? []).every((address) => leaf.checkIP(address)) &&
    leaf.checkIssued(issuer) &&
    leaf.verify(issuer.publicKey)
  );
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  const there = new Set(left);
  return there.size === new Set(right).size && right.every((item) => there.has(item));
}
