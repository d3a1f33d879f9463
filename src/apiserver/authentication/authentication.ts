import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { Listers } from '../listers.ts';
import type { Authenticator, TokenAuthenticator } from './authenticator.ts';
import { bearerTokens, unionOfTokens } from './bearer.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import { clientCertificates } from './client-certificates.ts';
import { type LegacyTokensOptions, legacyTokens } from './legacy-tokens.ts';
import { requestHeaders } from './request-headers.ts';
import { type ServiceAccountTokensOptions, serviceAccountTokens } from './service-account-tokens.ts';

export interface AuthenticationOptions {
  /** Signs client certificates. */
  readonly clientCa: X509Certificate;
  /** Signs the certificates of proxies that say who asks. */
  readonly frontProxyCa: X509Certificate;
  readonly issuer: string;
  /** Public half of the key that signs service-account tokens. */
  readonly tokenPublicKey: ServiceAccountTokensOptions['publicKey'];
  /** Audiences of this server; the first is the issuer unless chosen otherwise. */
  readonly audiences: readonly string[];
  readonly listers: Listers;
  readonly clock: Clock;
  /** See LegacyTokensOptions. */
  readonly legacyTokenUsed: LegacyTokensOptions['used'];
}

export interface Authentication {
  /** For the request chain: a proxy's word, then a certificate, then a token. */
  readonly requests: Authenticator;
  /** For TokenReviews: the tokens alone. */
  readonly tokens: TokenAuthenticator;
}

/** How this server finds out who asks. */
export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { clientCa, frontProxyCa, issuer, tokenPublicKey, audiences, listers, clock } = options;
  const tokens = unionOfTokens([
    serviceAccountTokens({ issuer, publicKey: tokenPublicKey, listers, clock }),
    legacyTokens({ publicKey: tokenPublicKey, listers, clock, used: options.legacyTokenUsed }),
    bootstrapTokens(listers, clock, audiences),
  ]);
  return {
    requests: firstOf([
      requestHeaders(frontProxyCa, clock),
      clientCertificates(clientCa, clock),
      bearerTokens(tokens, audiences),
    ]),
    tokens,
  };
}

/** The first that finds credentials of its kind decides; bad ones end the request. */
export function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(credentials) {
      for (const authenticator of authenticators) {
        const user = await authenticator.authenticate(credentials);
        if (user) return user;
      }
      return undefined;
    },
  };
}
