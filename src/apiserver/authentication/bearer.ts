import { unauthorizedError } from '#machinery/status.ts';
import type { Authenticator, Credentials, TokenAuthenticator, TokenIdentity } from './authenticator.ts';
import { TokenError } from './authenticator.ts';

/**
 * WebSocket clients (browsers cannot set headers) send their token as a subprotocol of this form, base64url. It must not
 * be passed on nor answered as the chosen protocol. Source: kubernetes/kubernetes#47740.
 */
export const WEBSOCKET_BEARER_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** Bearer tokens of any kind: a token that nobody knows is refused, never taken for an anonymous request. */
export function bearerTokens(tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  return {
    async authenticate(credentials) {
      const token = tokenOf(credentials);
      if (token === undefined) return undefined;
      try {
        const identity = await tokens.authenticateToken(token, audiences);
        if (identity) return identity.user;
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
      }
      throw unauthorizedError();
    },
  };
}

function tokenOf({ authorization, webSocketProtocols = [] }: Credentials): string | undefined {
  const [, token] = /^bearer +(\S+)\s*$/i.exec(authorization ?? '') ?? [];
  if (token) return token;
  const offered = webSocketProtocols.filter((protocol) => protocol.startsWith(WEBSOCKET_BEARER_PREFIX));
  const [only] = offered;
  if (only === undefined) return undefined;
  const encoded = only.slice(WEBSOCKET_BEARER_PREFIX.length);
  // another protocol must be offered too: the server has to choose one, and it cannot be the token
  const usable = offered.length === 1 && webSocketProtocols.length > 1 && /^[A-Za-z0-9_-]+$/.test(encoded);
  if (!usable) throw unauthorizedError();
  return Buffer.from(encoded, 'base64url').toString();
}

/** Asks each kind of token in turn; the first that knows the token decides. */
export function unionOfTokens(kinds: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences): Promise<TokenIdentity | undefined> {
      for (const kind of kinds) {
        const identity = await kind.authenticateToken(token, audiences);
        if (identity) return identity;
      }
      return undefined;
    },
  };
}
