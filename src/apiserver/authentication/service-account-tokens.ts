import { hash, type KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#base/clock.ts';
import type { KubeObject } from '#machinery/object.ts';
import { parseTime } from '#machinery/time.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import type { Listers } from '../listers.ts';
import { type TokenAuthenticator, TokenError, type TokenIdentity } from './authenticator.ts';
import { authenticated } from './groups.ts';
import {
  type BoundReference,
  type KubernetesClaims,
  readClaims,
  serviceAccountUser,
  serviceAccountUserName,
} from './service-account-claims.ts';
import { TOKEN_ALGORITHM } from './token-signer.ts';

/** Clocks of servers may differ by this much. */
const LEEWAY_MS = 60_000;

/** Tokens whose signature was found good are remembered by their hash; everything else is checked each time. */
const MAX_VERIFIED = 4096;
const VERIFIED_TTL_MS = 10 * 60_000;

/** Longer ones are refused unread: a token of ours is under 2 KiB. */
const MAX_TOKEN_LENGTH = 16_384;

export interface ServiceAccountTokensOptions {
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly listers: Listers;
  readonly clock: Clock;
}

interface Verified {
  readonly payload: JWTPayload;
  readonly claims: KubernetesClaims;
}

/**
 * Bound service-account tokens. A token is good while its signature, times and audience are, and while the account and
 * the pod, secret or node that it is bound to are there under the same uid: it dies with them, at once.
 * Source: KEP-1205, KEP-4193.
 */
export function serviceAccountTokens(options: ServiceAccountTokensOptions): TokenAuthenticator {
  const { issuer, publicKey, listers, clock } = options;
  // least recently used first; the time to live is a bound on memory, not on trust, so it may use the real clock
  const verified = new LRUCache<string, Verified>({ max: MAX_VERIFIED, ttl: VERIFIED_TTL_MS });

  async function verify(token: string): Promise<Verified | undefined> {
    const key = hash('sha256', token, 'base64');
    const known = verified.get(key);
    if (known) return known;
    if (!isIssuedBy(token, issuer)) return undefined;
    const { payload } = await verifySignature(token, publicKey, clock.now());
    const claims = readClaims(payload['kubernetes.io']);
    if (!claims) throw new TokenError('token has no claims of a service account');
    if (payload.sub !== serviceAccountUserName(claims.namespace, claims.serviceaccount.name)) {
      throw new TokenError('subject of the token is not its service account');
    }
    const result = { payload, claims };
    verified.set(key, result);
    return result;
  }

  return {
    async authenticateToken(token, wanted): Promise<TokenIdentity | undefined> {
      if (token.length > MAX_TOKEN_LENGTH) return undefined;
      const found = await verify(token);
      if (!found) return undefined;
      const { payload, claims } = found;
      const now = clock.now();
      checkTimes(payload, now);
      const own = [payload.aud ?? []].flat();
      const audiences = own.filter((audience) => wanted.includes(audience)).sort();
      if (audiences.length === 0) {
        throw new TokenError(
          `token audiences ${JSON.stringify(own)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
        );
      }
      checkBindings(listers, claims, now);
      return { user: authenticated(serviceAccountUser(claims, payload.jti)), audiences };
    },
  };
}

/** Reads the issuer without trusting it: a token of somebody else is for another authenticator. */
export function isIssuedBy(token: string, issuer: string): boolean {
  const [, body, signature, more] = token.split('.');
  if (!body || !signature || more !== undefined) return false;
  try {
    const payload: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
    return (payload as { iss?: unknown } | null)?.iss === issuer;
  } catch {
    return false; // not JSON: no token of ours
  }
}

async function verifySignature(token: string, publicKey: KeyObject, now: number) {
  try {
    return await jwtVerify(token, publicKey, {
      algorithms: [TOKEN_ALGORITHM],
      requiredClaims: ['exp', 'sub', 'aud'],
      clockTolerance: LEEWAY_MS / 1000,
      currentDate: new Date(now),
    });
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw new TokenError(cause.message, { cause });
    throw cause;
  }
}

function checkTimes({ exp = 0, nbf = 0 }: JWTPayload, now: number): void {
  if (now > exp * 1000 + LEEWAY_MS) throw new TokenError('service account token has expired');
  if (now < nbf * 1000 - LEEWAY_MS) throw new TokenError('service account token is not valid yet');
}

function checkBindings(listers: Listers, claims: KubernetesClaims, now: number): void {
  const { namespace, serviceaccount, pod: podReference, secret: secretReference, node: nodeReference } = claims;
  const account = listers(serviceAccount).get(serviceaccount.name, namespace);
  checkBinding('service account', account, serviceaccount, now);
  if (secretReference)
    checkBinding('secret', listers(secret).get(secretReference.name, namespace), secretReference, now);
  if (podReference) checkBinding('pod', listers(pod).get(podReference.name, namespace), podReference, now);
  // with a pod the node is only information: the pod's end is what ends the token
  else if (nodeReference) checkBinding('node', listers(node).get(nodeReference.name), nodeReference, now);
}

function checkBinding(what: string, object: KubeObject | undefined, reference: BoundReference, now: number): void {
  if (!object) throw new TokenError(`${what} ${JSON.stringify(reference.name)} not found`);
  const deleted = parseTime(object.metadata.deletionTimestamp);
  if (deleted !== undefined && deleted < now - LEEWAY_MS)
    throw new TokenError('service account token has been invalidated');
  if (object.metadata.uid !== reference.uid) {
    throw new TokenError(
      `${what} UID (${object.metadata.uid}) does not match service account ${what} ref claim (${reference.uid})`,
    );
  }
}
