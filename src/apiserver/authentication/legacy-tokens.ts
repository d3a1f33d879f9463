import { hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { jwtVerify, errors, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#base/clock.ts';
import type { Secret } from '#machinery/types/core-v1.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import type { Listers } from '../listers.ts';
import { type TokenAuthenticator, TokenError, type TokenIdentity } from './authenticator.ts';
import { authenticated } from './groups.ts';
import { serviceAccountUser, serviceAccountUserName } from './service-account-claims.ts';
import { isIssuedBy } from './service-account-tokens.ts';
import { TOKEN_ALGORITHM } from './token-signer.ts';

const ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount/';
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
export const LAST_USED = 'kubernetes.io/legacy-token-last-used';

const MAX_VERIFIED = 1024;
const MAX_TOKEN_LENGTH = 16_384;

export interface LegacyTokensOptions {
  readonly publicKey: KeyObject;
  readonly listers: Listers;
  readonly clock: Clock;
  /** Told the Secret of a token that is used for the first time on a day (`2026-01-31`, UTC). */
  readonly used: (secret: Secret, day: string) => void;
}

interface LegacyClaims {
  readonly namespace: string;
  readonly secret: string;
  readonly account: string;
  readonly uid: string;
}

/**
 * Tokens without an end that live in a Secret: good while the Secret holds this very token and its account is there
 * under the same uid. Source: "Managing Service Accounts", long-lived tokens; KEP-2799.
 */
export function legacyTokens({ publicKey, listers, clock, used }: LegacyTokensOptions): TokenAuthenticator {
  const verified = new LRUCache<string, LegacyClaims>({ max: MAX_VERIFIED });

  async function verify(token: string): Promise<LegacyClaims> {
    const key = hash('sha256', token, 'base64');
    const known = verified.get(key);
    if (known) return known;
    const claims = readLegacyClaims(await verifiedPayload(token, publicKey));
    verified.set(key, claims);
    return claims;
  }

  return {
    async authenticateToken(token, audiences): Promise<TokenIdentity | undefined> {
      if (token.length > MAX_TOKEN_LENGTH || !isIssuedBy(token, ISSUER)) return undefined;
      const claims = await verify(token);
      const { namespace, account, uid } = claims;
      const holder = listers(secret).get(claims.secret, namespace);
      requireHeld(holder, token, claims);
      const found = listers(serviceAccount).get(account, namespace);
      if (!found || found.metadata.deletionTimestamp || found.metadata.uid !== uid) {
        throw new TokenError('service account token has been invalidated');
      }
      const day = new Date(clock.now()).toISOString().slice(0, 10);
      if (holder.metadata.labels?.[LAST_USED] !== day) used(holder, day);
      const user = serviceAccountUser({ namespace, serviceaccount: { name: account, uid } }, undefined);
      return { user: authenticated(user), audiences };
    },
  };
}

async function verifiedPayload(token: string, publicKey: KeyObject): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, publicKey, { algorithms: [TOKEN_ALGORITHM], requiredClaims: ['sub'] })).payload;
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw new TokenError(cause.message, { cause });
    throw cause;
  }
}

function readLegacyClaims(payload: JWTPayload): LegacyClaims {
  const claim = (name: string) => {
    const value = payload[`${CLAIM}${name}`];
    if (typeof value !== 'string' || value === '') throw new TokenError(`${name} claim is missing`);
    return value;
  };
  const claims = {
    namespace: claim('namespace'),
    secret: claim('secret.name'),
    account: claim('service-account.name'),
    uid: claim('service-account.uid'),
  };
  if (payload.sub !== serviceAccountUserName(claims.namespace, claims.account)) {
    throw new TokenError('sub claim is invalid');
  }
  return claims;
}

function requireHeld(holder: Secret | undefined, token: string, claims: LegacyClaims): asserts holder is Secret {
  if (!holder || holder.metadata.deletionTimestamp) throw new TokenError('service account token has been invalidated');
  const held = Buffer.from(holder.data?.['token'] ?? '', 'base64');
  const sent = Buffer.from(token);
  if (held.length !== sent.length || !timingSafeEqual(held, sent)) {
    throw new TokenError("token does not match server's copy");
  }
  if (holder.metadata.labels?.[INVALID_SINCE] === undefined) return;
  const { namespace, secret: name, account } = claims;
  throw new TokenError(
    `the token in secret ${namespace}/${name} for service account ${namespace}/${account} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
  );
}
