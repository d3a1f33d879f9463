import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '#base/clock.ts';
import type { Randomness } from '#base/random.ts';
import {
  type CertificateRequest,
  type Credential,
  type ParsedCredential,
  parseCredential,
  satisfies,
} from './certificate.ts';
import { readIfThere, writeSecretFile } from './files.ts';

const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;

/** Certificates start in the past, since the clocks of nodes differ. */
const BACKDATE_MS = HOUR_MS;
const AUTHORITY_LIFE_MS = 3650 * DAY_MS;
const LEAF_LIFE_MS = 365 * DAY_MS;
/** A leaf with less than this left is issued anew when it is asked for. */
const RENEW_BEFORE_MS = 90 * DAY_MS;

export interface PkiOptions {
  /** Where keys and certificates lie; made with mode 0700. One process at a time may open it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Randomness;
}

/** An authority of the cluster: who signs certificates, and what others need to check them. */
export interface Authority {
  /** PEM, for kubeconfigs and `ca` options. */
  readonly certificate: string;
  readonly x509: X509Certificate;
  /**
   * A certificate of this authority with its key. It is kept on disk under `name` (`apiserver`, `clients/admin`): the
   * next call gives the same one, unless it nears its end or `request` has changed.
   */
  credential(name: string, request: CertificateRequest): Promise<Credential>;
  /** Certificate and key of the authority itself, for the controller that signs requests. */
  readonly signer: Credential;
}

/** The key pair that signs service-account tokens. */
export interface TokenKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The trust of one cluster. Source: Kubernetes documentation, "PKI certificates and requirements". */
export interface Pki {
  /** Signs the API server's and kubelets' certificates and those of all clients. */
  readonly cluster: Authority;
  /** Signs only the API server's own client certificate toward extension API servers, whose headers name users. */
  readonly frontProxy: Authority;
  readonly tokenKey: TokenKey;
}

/** Opens a directory of keys and certificates and makes what is missing. Throws where an authority is damaged. */
export async function openPki(options: PkiOptions): Promise<Pki> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const [cluster, frontProxy, tokenKey] = await Promise.all([
    openAuthority(options, 'ca', 'kubernetes'),
    openAuthority(options, 'front-proxy-ca', 'front-proxy-ca'),
    openTokenKey(options),
  ]);
  return { cluster, frontProxy, tokenKey };
}

async function openAuthority(options: PkiOptions, file: string, commonName: string): Promise<Authority> {
  const { directory, clock, random } = options;
  const paths = { certificate: join(directory, `${file}.crt`), key: join(directory, `${file}.key`) };
  const found = await readPair(paths);
  if (found === 'damaged') {
    throw new Error(
      `${paths.certificate} and ${paths.key} do not belong together: put the right files back, or remove both to make a new authority (every certificate and kubeconfig of the cluster then changes)`,
    );
  }
  if (found) return authority(options, found);
  const now = clock.now();
  const { issueAuthority } = await import('./issue.ts');
  const validity = { notBefore: now - BACKDATE_MS, notAfter: now + AUTHORITY_LIFE_MS };
  const made = await issueAuthority(commonName, validity, random);
  await writePair(paths, made, random);
  return authority(options, parsed(made));
}

function authority({ directory, clock, random }: PkiOptions, signer: ParsedCredential): Authority {
  const pending = new Map<string, Promise<Credential>>();

  async function obtain(name: string, request: CertificateRequest): Promise<Credential> {
    const paths = { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
    const found = await readPair(paths);
    const now = clock.now();
    if (found && found !== 'damaged' && satisfies(found.x509, signer.x509, request, now + RENEW_BEFORE_MS)) {
      return { certificate: found.certificate, key: found.key };
    }
    const { issueLeaf } = await import('./issue.ts');
    const validity = { notBefore: now - BACKDATE_MS, notAfter: now + LEAF_LIFE_MS };
    const made = await issueLeaf(signer, request, validity, random);
    await writePair(paths, made, random);
    return made;
  }

  return {
    certificate: signer.certificate,
    x509: signer.x509,
    signer: { certificate: signer.certificate, key: signer.key },
    credential(name, request) {
      // one writer a name: the pair on disk must stay a pair
      const after = (pending.get(name) ?? Promise.resolve()).then(
        () => obtain(name, request),
        () => obtain(name, request),
      );
      pending.set(name, after);
      return after.finally(() => {
        if (pending.get(name) === after) pending.delete(name);
      });
    },
  };
}

async function openTokenKey({ directory, random }: PkiOptions): Promise<TokenKey> {
  const path = join(directory, 'service-account.key');
  const found = await readIfThere(path);
  if (found !== undefined) return tokenKeyOf(found, path);
  // RSA, since some verifiers outside (cloud identity services) accept RS256 alone
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeSecretFile(path, pem, random);
  return tokenKeyOf(pem, path);
}

function tokenKeyOf(pem: string, path: string): TokenKey {
  try {
    const privateKey = createPrivateKey(pem);
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (cause) {
    throw new Error(`${path} holds no private key: put the right file back, or remove it to void all tokens`, {
      cause,
    });
  }
}

interface PairPaths {
  readonly certificate: string;
  readonly key: string;
}

async function readPair(paths: PairPaths): Promise<ParsedCredential | 'damaged' | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(paths.certificate), readIfThere(paths.key)]);
  if (certificate === undefined) return undefined; // the certificate is written last: a key alone was never used
  if (key === undefined) return 'damaged';
  return parseCredential(certificate, key) ?? 'damaged';
}

async function writePair(paths: PairPaths, { certificate, key }: Credential, random: Randomness): Promise<void> {
  await writeSecretFile(paths.key, key, random);
  await writeSecretFile(paths.certificate, certificate, random);
}

function parsed({ certificate, key }: Credential): ParsedCredential {
  return { certificate, key, x509: new X509Certificate(certificate), privateKey: createPrivateKey(key) };
}
