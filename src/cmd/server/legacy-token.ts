import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { LegacyTokenSigner } from '#controllers/service-account-token.ts';

/** Signs tokens that live in Secrets: no expiry, the claims of upstream's legacy form (issuer kubernetes/serviceaccount). */
export function legacyTokenSigner(key: KeyObject): LegacyTokenSigner {
  return ({ namespace, serviceAccount, serviceAccountUid, secret }) =>
    new SignJWT({
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secret,
      'kubernetes.io/serviceaccount/service-account.name': serviceAccount,
      'kubernetes.io/serviceaccount/service-account.uid': serviceAccountUid,
    })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer('kubernetes/serviceaccount')
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .sign(key);
}
