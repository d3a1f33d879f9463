import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { parseTime } from '#machinery/time.ts';
import type { Secret } from '#machinery/types/core-v1.ts';
import { secret } from '#resources/core/secret/secret.ts';
import type { Listers } from '../listers.ts';
import { type TokenAuthenticator, TokenError } from './authenticator.ts';
import { authenticated } from './groups.ts';

const FORMAT = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = 'system:bootstrappers';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens with which new nodes ask for their first certificate: Secrets `bootstrap-token-ID` in kube-system.
 * Source: Kubernetes documentation, "Authenticating with Bootstrap Tokens".
 */
export function bootstrapTokens(
  listers: Listers,
  clock: Clock,
  serverAudiences: readonly string[],
): TokenAuthenticator {
  return {
    async authenticateToken(token, wanted) {
      const [, id, password] = FORMAT.exec(token) ?? [];
      if (!id || !password) return undefined;
      const audiences = serverAudiences.filter((audience) => wanted.includes(audience));
      const stored = listers(secret).get(`bootstrap-token-${id}`, 'kube-system');
      if (audiences.length === 0 || !stored || !allows(stored, id, password, clock.now())) {
        throw new TokenError('invalid bootstrap token'); // which part is wrong is not for who guesses
      }
      const user = { name: `system:bootstrap:${id}`, groups: [GROUP, ...extraGroups(stored)] };
      return { user: authenticated(user), audiences };
    },
  };
}

function allows(stored: Secret, id: string, password: string, now: number): boolean {
  if (stored.type !== 'bootstrap.kubernetes.io/token' || stored.metadata.deletionTimestamp) return false;
  const expiration = field(stored, 'expiration');
  if (expiration) {
    const end = parseTime(expiration);
    if (end === undefined || now > end) return false;
  }
  return (
    field(stored, 'token-id') === id &&
    sameSecret(field(stored, 'token-secret'), password) &&
    field(stored, 'usage-bootstrap-authentication') === 'true'
  );
}

function extraGroups(stored: Secret): readonly string[] {
  const named = field(stored, 'auth-extra-groups')
    .split(',')
    .filter((group) => group !== '');
  if (!named.every((group) => EXTRA_GROUP.test(group))) throw new TokenError('bootstrap token has an invalid group');
  return [...new Set(named)].sort();
}

function field(stored: Secret, key: string): string {
  return Buffer.from(stored.data?.[key] ?? '', 'base64').toString();
}

function sameSecret(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
