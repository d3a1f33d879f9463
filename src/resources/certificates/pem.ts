import { X509Certificate } from 'node:crypto';

interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
  readonly headers: boolean;
}

const BLOCK = /-----BEGIN ([^-\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g;

export function pemBlocks(text: string): readonly PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([, label = '', body = '']) => ({
    label,
    headers: body.includes(':'),
    der: Buffer.from(body.replaceAll(/\s/g, ''), 'base64'),
  }));
}

/** Why a request is none; undefined where it is a PKCS #10 request in PEM. Source: RFC 2986, RFC 7468. */
export function wrongRequest(pem: Buffer): string | undefined {
  const [block] = pemBlocks(pem.toString('latin1'));
  if (block?.label !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  const parts = derParts(block.der);
  const [info, algorithm, signature, ...more] = parts?.[0]?.tag === SEQUENCE ? (derParts(parts[0].content) ?? []) : [];
  const wellFormed =
    parts?.length === 1 &&
    info?.tag === SEQUENCE &&
    algorithm?.tag === SEQUENCE &&
    signature?.tag === BIT_STRING &&
    more.length === 0 &&
    (derParts(info.content) ?? []).length >= 3;
  return wellFormed ? undefined : 'asn1: structure error: malformed certificate request';
}

/** Why certificates are none; undefined where there is none to check or all are good. */
export function wrongCertificates(pem: Buffer): string | undefined {
  if (pem.length === 0) return undefined;
  const blocks = pemBlocks(pem.toString('latin1'));
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const { label, der, headers } of blocks) {
    if (label !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`;
    if (headers) return 'no PEM block headers are permitted';
    if (!isCertificate(der)) return 'x509: malformed certificate';
  }
  return undefined;
}

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;
const MAX_LENGTH_BYTES = 4;

interface DerPart {
  readonly tag: number;
  readonly content: Buffer;
}

/** The values that stand one behind the other in DER; undefined where it is not well formed. */
function derParts(der: Buffer): readonly DerPart[] | undefined {
  const parts: DerPart[] = [];
  let at = 0;
  while (at < der.length) {
    const [tag, first] = [der[at], der[at + 1]];
    if (tag === undefined || first === undefined) return undefined;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > MAX_LENGTH_BYTES || first === 0x80 || start > der.length) return undefined;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    if (start + length > der.length) return undefined;
    parts.push({ tag, content: der.subarray(start, start + length) });
    at = start + length;
  }
  return parts;
}
