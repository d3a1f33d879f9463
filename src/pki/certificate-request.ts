import 'reflect-metadata'; // @peculiar/x509 registers its parts through it
import * as x509 from '@peculiar/x509';

/** What a PKCS #10 request asks for. Source: RFC 2986. */
export interface CertificateRequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  /** To be certified with `certify` (issue.ts). */
  readonly publicKey: x509.PublicKey;
  /** Whether who asks holds the private key. */
  verify(): Promise<boolean>;
}

/** `request` is the base64 of a PEM text, as `spec.request` holds it; undefined where it cannot be read. */
export function readCertificateRequest(request: string): CertificateRequestFacts | undefined {
  try {
    const parsed = new x509.Pkcs10CertificateRequest(Buffer.from(request, 'base64').toString());
    const names =
      parsed.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension)?.names.items ??
      [];
    const ofType = (type: string) => names.filter((name) => name.type === type).map((name) => name.value);
    return {
      commonName: parsed.subjectName.getField('CN').at(-1) ?? '',
      organizations: parsed.subjectName.getField('O'),
      dnsNames: ofType('dns'),
      ipAddresses: ofType('ip'),
      uris: ofType('url'),
      emails: ofType('email'),
      publicKey: parsed.publicKey,
      verify: () => parsed.verify(),
    };
  } catch {
    return undefined; // whatever is wrong with it, it is no request
  }
}
