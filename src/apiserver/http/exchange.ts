import type { Duplex } from 'node:stream';

/**
 * One request and its answer, in one shape for HTTP/2, HTTP/1.1 and the in-process transport. Everything above the
 * wire (the chain, the registry, handlers) sees only this.
 */
export interface ApiRequest {
  readonly method: string;
  /** The path as it was sent, still percent-encoded, without the query. */
  readonly rawPath: string;
  /** The path decoded, as request info reads it. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case; repeated headers joined by `, ` (but see `all`). */
  readonly header: (name: string) => string | undefined;
  /** Every value of a header that was sent more than once. */
  readonly all: (name: string) => readonly string[];
  readonly headerNames: () => readonly string[];
  /** The body in pieces; it may be read once. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Bytes announced by Content-Length, where it was sent. */
  readonly contentLength: number | undefined;
  readonly remoteAddress: string;
  /** DER of the client certificate, where TLS verified it. */
  readonly clientCertificate: Uint8Array | undefined;
  /** Aborted when the client goes away, or when the server closes and does not wait for the request. */
  readonly signal: AbortSignal;
  /** To be called where a request goes on until somebody ends it: a server that closes does not wait for it. */
  readonly lasts?: () => void;
  /** Present where the client asked for another protocol (`Upgrade:`) on HTTP/1.1. */
  readonly upgrade?: Upgrade;
}

/** The connection under an upgrade request. Whoever takes it answers on it and ends it. */
export interface Upgrade {
  /** The value of the Upgrade header in lower case: `websocket`, `spdy/3.1`. */
  readonly protocol: string;
  /** Takes the connection over: nothing else answers this request any more. */
  take(): { readonly socket: Duplex; readonly head: Uint8Array };
}

export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: AnswerHeaders;
  readonly body: readonly Uint8Array[] | Streaming;
}

/** Writes a body as it comes about; the answer ends when the promise settles. */
export type Streaming = (sink: Sink) => Promise<void>;

export interface Sink {
  /** False: the client is behind; wait for `drained` before writing more. The chunk is taken in any case. */
  write(chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Aborted when the client is gone; writing after that is dropped. */
  readonly closed: AbortSignal;
}

/** What a handler returns that took the connection over with `Upgrade.take`. */
export const TAKEN: Answer = Object.freeze({ status: 101, headers: {}, body: [] });
