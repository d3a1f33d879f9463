import 'reflect-metadata'; // @peculiar/x509 registers its parts through it
import { createPrivateKey, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Randomness } from '#base/random.ts';
import type { CertificateRequest, Credential, Usage } from './certificate.ts';

/**
 * Issuing. This module alone loads @peculiar/x509, and is itself loaded only when something must be issued: a server
 * that finds all its certificates on disk starts without it.
 */

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const USAGES: Readonly<Record<Usage, string>> = {
  server: x509.ExtendedKeyUsage.serverAuth,
  client: x509.ExtendedKeyUsage.clientAuth,
};

/** From when until when a certificate is good, in milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A new self-signed authority. */
export async function issueAuthority(name: string, validity: Validity, random: Randomness): Promise<Credential> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const identifier = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(random),
    name: [{ CN: [name] }],
    notBefore: new Date(validity.notBefore),
    notAfter: new Date(validity.notAfter),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      identifier,
      new x509.AuthorityKeyIdentifierExtension(identifier.keyId),
    ],
  });
  return { certificate: pemText(certificate.toString('pem')), key: await exportKey(keys.privateKey) };
}

/** A new key and a certificate for it. */
export async function issueLeaf(
  authority: Credential,
  request: CertificateRequest,
  validity: Validity,
  random: Randomness,
): Promise<Credential> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const [certificate, key] = await Promise.all([
    certify(authority, { ...request, publicKey: keys.publicKey }, validity, random),
    exportKey(keys.privateKey),
  ]);
  return { certificate, key };
}

/** What to certify for a key that somebody else holds (a certificate signing request). */
export interface KeyToCertify extends CertificateRequest {
  readonly publicKey: x509.PublicKeyType;
  /** Key usage bits of RFC 5280; by default digital signature alone. */
  readonly keyUsage?: number;
  /** Extended usages beyond `usages`, as OIDs. */
  readonly otherUsages?: readonly string[];
  readonly uris?: readonly string[];
  readonly emails?: readonly string[];
}

/** The certificate, as PEM. */
export async function certify(
  authority: Credential,
  request: KeyToCertify,
  validity: Validity,
  random: Randomness,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importAuthorityKey(authority.key);
  const usages = [...request.usages.map((usage) => USAGES[usage]), ...(request.otherUsages ?? [])];
  const names = alternativeNames(request);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject: subjectOf(request),
    issuer: issuer.subjectName,
    notBefore: new Date(Math.max(validity.notBefore, issuer.notBefore.getTime())),
    notAfter: new Date(Math.min(validity.notAfter, issuer.notAfter.getTime())),
    publicKey: request.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.KeyUsagesExtension(request.keyUsage ?? x509.KeyUsageFlags.digitalSignature, true),
      ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension(usages)] : []),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return pemText(certificate.toString('pem'));
}

function subjectOf(request: CertificateRequest): x509.JsonName {
  return [...(request.organizations ?? []).map((name) => ({ O: [name] })), { CN: [request.commonName] }];
}

function alternativeNames(request: KeyToCertify): x509.JsonGeneralName[] {
  return [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns', value }) as const),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip', value }) as const),
    ...(request.uris ?? []).map((value) => ({ type: 'url', value }) as const),
    ...(request.emails ?? []).map((value) => ({ type: 'email', value }) as const),
  ];
}

/** 127 random bits: positive, as RFC 5280 wants it, and not to be guessed. */
function serialNumber(random: Randomness): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

async function importAuthorityKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign']);
}

function pemText(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}
