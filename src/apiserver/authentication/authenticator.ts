import type { User } from '../admission/admission.ts';

/** What a request brings to prove who makes it. */
export interface Credentials {
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** DER of the client certificate, where one was sent and TLS verified it against the client CA. */
  readonly clientCertificate: Uint8Array | undefined;
  /** WebSocket clients may send a bearer token as a subprotocol. */
  readonly webSocketProtocols?: readonly string[];
}

/** Resolves with the user, with undefined where it finds nothing that it understands; throws StatusError 401 for bad credentials. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<User | undefined>;
}
