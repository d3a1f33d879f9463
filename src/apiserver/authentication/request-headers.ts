import { X509Certificate } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { unauthorizedError } from '#machinery/status.ts';
import { readCertificate } from '#pki/certificate.ts';
import type { Authenticator } from './authenticator.ts';
import { authenticated } from './groups.ts';

/** Common names of proxies that may say who asks; the ConfigMap extension-apiserver-authentication publishes them. */
export const FRONT_PROXY_NAMES: readonly string[] = ['front-proxy-client'];

const USER = 'x-remote-user';
const GROUP = 'x-remote-group';
const UID = 'x-remote-uid';
const EXTRA_PREFIX = 'x-remote-extra-';

/**
 * Users whom a proxy in front of this server has authenticated, believed where the proxy shows a certificate of the
 * front-proxy authority. Source: "Configure the Aggregation Layer".
 */
export function requestHeaders(frontProxyCa: X509Certificate, clock: Clock): Authenticator {
  return {
    async authenticate({ clientCertificate, headers }) {
      const name = headers?.header(USER);
      if (!name || !headers || !clientCertificate) return undefined;
      const certificate = new X509Certificate(clientCertificate);
      if (!certificate.checkIssued(frontProxyCa) || !certificate.verify(frontProxyCa.publicKey)) return undefined;
      const { commonName, usages, notBefore, notAfter } = readCertificate(certificate);
      const now = clock.now();
      const good = usages.includes('client') && now >= notBefore && now <= notAfter;
      if (!good || !FRONT_PROXY_NAMES.includes(commonName)) throw unauthorizedError();
      const uid = headers.header(UID);
      const extraHeaders = headers.headerNames().filter((header) => header.startsWith(EXTRA_PREFIX));
      const extra = Object.fromEntries(extraHeaders.map((header) => [keyOf(header), headers.all(header)]));
      return authenticated({
        name,
        groups: headers.all(GROUP),
        ...(uid ? { uid } : {}),
        ...(extraHeaders.length > 0 ? { extra } : {}),
      });
    },
  };
}

/** Names of headers allow few characters, so keys come percent-encoded. */
function keyOf(header: string): string {
  const key = header.slice(EXTRA_PREFIX.length);
  try {
    return decodeURIComponent(key).toLowerCase();
  } catch {
    return key; // not encoded: the key as it is
  }
}
