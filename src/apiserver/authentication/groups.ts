import type { User } from '../admission/admission.ts';

const AUTHENTICATED_GROUP = 'system:authenticated';
const UNAUTHENTICATED_GROUP = 'system:unauthenticated';

/** Extra key under which the credential of a request is named, for audit. */
export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** Whoever proved to be somebody is in system:authenticated. */
export function authenticated(user: User): User {
  const known = user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes(UNAUTHENTICATED_GROUP);
  return known ? user : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}
