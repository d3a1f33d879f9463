import { createHash, X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#base/clock.ts';
import { unauthorizedError } from '#machinery/status.ts';
import { type CertificateFacts, readCertificate } from '#pki/certificate.ts';
import type { User } from '../admission/admission.ts';
import type { Authenticator } from './authenticator.ts';
import { authenticated, CREDENTIAL_ID } from './groups.ts';

/** Certificates that were read, by their hash. */
const MAX_KNOWN = 4096;

interface Known {
  readonly facts: CertificateFacts;
  readonly user: User;
}

/**
 * Client certificates: the common name is the user, the organizations are its groups. TLS has verified the chain, but
 * against every authority that it trusts; who may name users is the client authority alone, so that is checked here
 * again, as are times, since connections may outlive certificates. Source: "Authenticating", X509 client certificates.
 */
export function clientCertificates(clientCa: X509Certificate, clock: Clock): Authenticator {
  const known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  /** A connection shows the same bytes with each of its requests. */
  const shown = new WeakMap<Uint8Array, Known>();

  function read(der: Uint8Array): Known {
    const before = shown.get(der);
    if (before) return before;
    const result = readOnce(der);
    shown.set(der, result);
    return result;
  }

  function readOnce(der: Uint8Array): Known {
    const digest = createHash('sha256').update(der).digest('hex');
    const before = known.get(digest);
    if (before) return before;
    const certificate = new X509Certificate(der);
    if (!certificate.checkIssued(clientCa) || !certificate.verify(clientCa.publicKey)) {
      throw unauthorizedError();
    }
    const facts = readCertificate(certificate);
    const user = authenticated({
      name: facts.commonName,
      groups: facts.organizations,
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${digest}`] },
    });
    const result = { facts, user };
    known.set(digest, result);
    return result;
  }

  return {
    async authenticate({ clientCertificate }) {
      if (!clientCertificate) return undefined;
      const { facts, user } = read(clientCertificate);
      const now = clock.now();
      const good = facts.usages.includes('client') && now >= facts.notBefore && now <= facts.notAfter;
      if (!good) throw unauthorizedError();
      return user.name ? user : undefined;
    },
  };
}
