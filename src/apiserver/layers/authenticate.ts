import { unauthorizedError } from '#machinery/status.ts';
import type { User } from '../admission/admission.ts';
import type { Exchange, Layer } from '../request/exchange.ts';

export const ANONYMOUS: User = Object.freeze({ name: 'system:anonymous', groups: ['system:unauthenticated'] });

const ALL_AUTHENTICATED = 'system:authenticated';

/** Finds out who asks. Without credentials only the paths that are open to everybody go on, as system:anonymous. */
export const authenticate: Layer = async (exchange, next) => {
  if (!exchange.vouched) exchange.user = await identify(exchange);
  return next();
};

async function identify({ request, server }: Exchange): Promise<User> {
  const protocols = request.header('sec-websocket-protocol');
  const user = await server.authenticator.authenticate({
    authorization: request.header('authorization'),
    clientCertificate: request.clientCertificate,
    headers: request,
    ...(protocols ? { webSocketProtocols: protocols.split(',').map((text) => text.trim()) } : {}),
  });
  if (user) return authenticated(user);
  if (server.anonymousPaths.some((path) => covers(path, request.path))) return ANONYMOUS;
  throw unauthorizedError();
}

/** The same user as a member of system:authenticated, which everybody is who is not anonymous. */
export function authenticated(user: User): User {
  if (user.name === ANONYMOUS.name || user.groups.includes(ALL_AUTHENTICATED)) return user;
  if (user.groups.includes('system:unauthenticated')) return user;
  return { ...user, groups: [...user.groups, ALL_AUTHENTICATED] };
}

function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('/') ? path.startsWith(pattern) || `${path}/` === pattern : path === pattern;
}
