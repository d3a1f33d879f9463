import { badRequestError } from '#machinery/status.ts';
import type { User } from '../admission/admission.ts';
import type { Attributes } from '../authorization/authorizer.ts';
import { notAuthorizedError } from '../authorization/forbidden.ts';
import type { Exchange, Layer } from '../request/exchange.ts';
import { ANONYMOUS, authenticated } from './authenticate.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Lets a user act as another where RBAC allows every part of it. Source: "User impersonation" in the authentication docs. */
export const impersonate: Layer = async (exchange, next) => {
  const target = wanted(exchange);
  if (!target) return next();
  for (const attributes of checks(exchange.user, target)) {
    const { decision, reason } = await exchange.server.authorizer.authorize(attributes);
    if (decision !== 'allow') throw notAuthorizedError(attributes, reason);
  }
  exchange.user = complete(target);
  return next();
};

function wanted({ request }: Exchange): User | undefined {
  const name = request.header('impersonate-user');
  const groups = request.all('impersonate-group');
  const uid = request.header('impersonate-uid');
  const extra: Record<string, readonly string[]> = {};
  for (const header of request.headerNames()) {
    if (header.startsWith(EXTRA_PREFIX)) extra[unescape(header.slice(EXTRA_PREFIX.length))] = request.all(header);
  }
  const hasExtra = Object.keys(extra).length > 0;
  if (!name && groups.length === 0 && !uid && !hasExtra) return undefined;
  if (!name) throw badRequestError('requested impersonation of a group, uid or extra without impersonating a user');
  return { name, groups, ...(uid ? { uid } : {}), ...(hasExtra ? { extra } : {}) };
}

/** Keys of extra may be percent-encoded, since header names allow few characters. */
function unescape(key: string): string {
  try {
    return decodeURIComponent(key).toLowerCase();
  } catch {
    return key;
  }
}

/** Everything that the user must be allowed to impersonate. */
function* checks(user: User, target: User): Iterable<Attributes> {
  const account = SERVICE_ACCOUNT.exec(target.name);
  const core = { ...NOTHING, user };
  const authentication = { ...core, group: 'authentication.k8s.io', version: 'v1' };
  if (account) {
    yield { ...core, resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' };
  } else yield { ...core, resource: 'users', name: target.name };
  for (const name of target.groups) yield { ...core, resource: 'groups', name };
  if (target.uid) yield { ...authentication, resource: 'uids', name: target.uid };
  for (const [subresource, values] of Object.entries(target.extra ?? {})) {
    for (const name of values) yield { ...authentication, resource: 'userextras', subresource, name };
  }
}

const NOTHING = {
  verb: 'impersonate',
  isResource: true,
  group: '',
  version: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
} as const;

/** Adds the groups that everybody of that kind has. */
function complete(target: User): User {
  if (target.name === ANONYMOUS.name) {
    return { ...target, groups: [...new Set([...target.groups, ...ANONYMOUS.groups])] };
  }
  const account = SERVICE_ACCOUNT.exec(target.name);
  const groups =
    account && target.groups.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`]
      : target.groups;
  return authenticated({ ...target, groups });
}
