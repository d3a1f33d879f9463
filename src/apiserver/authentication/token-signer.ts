import { createHash, type KeyObject } from 'node:crypto';
import { exportJWK, type JWK, SignJWT } from 'jose';
import type { Randomness } from '#base/random.ts';
import type { KubernetesClaims } from './service-account-claims.ts';

/** RS256 alone: a token that names another algorithm is refused before its signature is looked at. */
export const TOKEN_ALGORITHM = 'RS256';

export interface TokenSignerOptions {
  /** `https://kubernetes.default.svc.cluster.local` unless chosen otherwise. */
  readonly issuer: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly random: Randomness;
}

/** A token to be signed. Times are seconds since the epoch. */
export interface TokenContent {
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly claims: KubernetesClaims;
}

/** Signs service-account tokens and describes its key to who verifies them elsewhere. */
export interface TokenSigner {
  readonly issuer: string;
  /** The token and its id (`jti`). */
  sign(content: TokenContent): Promise<{ readonly token: string; readonly id: string }>;
  /** The key set that `/openid/v1/jwks` serves. */
  keys(): Promise<{ readonly keys: readonly JWK[] }>;
}

export function tokenSigner({ issuer, privateKey, publicKey, random }: TokenSignerOptions): TokenSigner {
  const kid = keyId(publicKey);
  return {
    issuer,
    async sign({ subject, audiences, issuedAt, expiresAt, claims }) {
      const id = random.uuid();
      const token = await new SignJWT({ 'kubernetes.io': { ...claims } })
        .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience([...audiences])
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(expiresAt)
        .setJti(id)
        .sign(privateKey);
      return { token, id };
    },
    async keys() {
      const jwk = await exportJWK(publicKey);
      return { keys: [{ use: 'sig', kty: 'RSA', kid, alg: TOKEN_ALGORITHM, ...jwk }] };
    },
  };
}

/** The SHA-256 of the public key, so that a key has the same id on every server. */
function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}
