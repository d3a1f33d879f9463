import type { User } from '../admission/admission.ts';

/** What a request brings to prove who makes it. */
export interface Credentials {
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** DER of the client certificate, where one was sent and TLS verified it against the client CA. */
  readonly clientCertificate: Uint8Array | undefined;
  /** WebSocket clients may send a bearer token as a subprotocol. */
  readonly webSocketProtocols?: readonly string[];
  /** All headers, for what a proxy says of the user. */
  readonly headers?: RequestHeaders;
}

/** Headers of a request by their names in lower case. */
export interface RequestHeaders {
  readonly header: (name: string) => string | undefined;
  /** Every value of a header that was sent more than once. */
  readonly all: (name: string) => readonly string[];
  readonly headerNames: () => readonly string[];
}

/** Resolves with the user, with undefined where it finds nothing that it understands; throws StatusError 401 for bad credentials. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<User | undefined>;
}

/** Who a token stands for, and those of the asked audiences for which it was made. */
export interface TokenIdentity {
  readonly user: User;
  readonly audiences: readonly string[];
}

/**
 * Resolves with undefined where the token is not of its kind; throws TokenError where it is but is not good (any
 * more). `audiences`: the token must be meant for at least one of them.
 */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenIdentity | undefined>;
}

/** Why a token was refused. Shown in TokenReviews, not to who presents the token. */
export class TokenError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokenError';
  }
}
