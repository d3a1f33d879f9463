import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { type Clock, systemClock } from '#base/clock.ts';
import type { Transport, TransportRequest, TransportResponse } from './client.ts';

export interface HttpsOptions {
  /** `https://127.0.0.1:6443`; a path is put before every request's path. */
  readonly server: string;
  /** PEM certificates that the server's must chain to. Absent: the system's. */
  readonly ca?: string;
  /** PEM client certificate and key. */
  readonly clientCert?: string;
  readonly clientKey?: string;
  /** Bearer token; a function is asked for every request, so that a rotated token is taken up. */
  readonly token?: string | (() => string | Promise<string>);
  readonly insecureSkipTlsVerify?: boolean;
  /** Name to expect in the server's certificate where it is not the host of `server`. */
  readonly tlsServerName?: string;
  /** For pings: always real time outside tests (`ioClock`). */
  readonly clock?: Clock;
}

const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 30_000;
/** A watch may fall behind by this much before its server stops sending. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

/**
 * HTTP/2 over TLS: all requests share one session, which is opened when it is first needed, checked by pings, and
 * replaced when it breaks or the server sends GOAWAY. A request that finds the session broken fails; whoever made it
 * decides whether it is safe to repeat. Keeps the process alive until it is disposed of.
 */
export function httpsTransport(options: HttpsOptions): Transport & Disposable {
  const url = new URL(options.server);
  const prefix = url.pathname.replace(/\/$/, '');
  const clock = options.clock ?? systemClock;
  let session: Promise<ClientHttp2Session> | undefined;

  function currentSession(): Promise<ClientHttp2Session> {
    if (session) return session;
    const opened: Promise<ClientHttp2Session> = open(url, options, clock, () => {
      if (session === opened) session = undefined;
    });
    session = opened;
    return opened;
  }

  return {
    async request(request) {
      request.signal?.throwIfAborted();
      const token = typeof options.token === 'function' ? await options.token() : options.token;
      const headers = {
        ':method': request.method,
        ':path': prefix + request.path,
        ...request.headers,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(request.body ? { 'content-length': String(request.body.byteLength) } : {}),
      };
      // Node ends a DELETE at its headers unless told that a body follows.
      const stream = (await currentSession()).request(headers, { endStream: !request.body });
      return send(stream, request);
    },
    [Symbol.dispose]() {
      session?.then(
        (open) => open.destroy(),
        () => undefined,
      );
      session = undefined;
    },
  };
}

async function open(url: URL, options: HttpsOptions, clock: Clock, gone: () => void): Promise<ClientHttp2Session> {
  const session = connect(url.origin, {
    ALPNProtocols: ['h2'],
    ...(options.ca ? { ca: options.ca } : {}),
    ...(options.clientCert ? { cert: options.clientCert } : {}),
    ...(options.clientKey ? { key: options.clientKey } : {}),
    ...(options.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
    ...(options.tlsServerName ? { servername: options.tlsServerName } : {}),
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using _timer = clock.after(CONNECT_TIMEOUT_MS, () => {
    session.destroy(new Error(`no connection to ${url.origin} within ${CONNECT_TIMEOUT_MS / 1000} s`));
  });
  session.once('connect', () => resolve());
  session.on('error', reject); // Later errors reach the streams; rejecting again does nothing.
  session.once('close', () => {
    gone();
    reject(new Error(`the connection to ${url.origin} was closed`));
  });
  session.once('goaway', gone);
  try {
    await promise;
  } catch (cause) {
    gone();
    throw new Error(`cannot connect to ${url.origin}`, { cause });
  }
  session.setLocalWindowSize(16 * STREAM_WINDOW_BYTES);
  keepAlive(session, clock);
  return session;
}

/** Destroys a session whose peer answers no ping: otherwise a watch on it would be silent for ever. */
function keepAlive(session: ClientHttp2Session, clock: Clock): void {
  let timer = clock.after(PING_INTERVAL_MS, ping);

  function ping(): void {
    if (session.destroyed || session.closed) return;
    timer = clock.after(PING_TIMEOUT_MS, () => session.destroy(new Error('the API server answers no pings')));
    session.ping((error) => {
      timer[Symbol.dispose]();
      if (!error) timer = clock.after(PING_INTERVAL_MS, ping);
    });
  }
  session.once('close', () => timer[Symbol.dispose]());
}

function send(stream: ClientHttp2Stream, { body, signal }: TransportRequest): Promise<TransportResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
  const abort = () => {
    stream.close(constants.NGHTTP2_CANCEL);
    reject(signal?.reason);
    stream.destroy(signal?.reason instanceof Error ? signal.reason : undefined);
  };
  signal?.addEventListener('abort', abort, { once: true });
  stream.once('response', (headers) => {
    resolve({ status: Number(headers[':status']), headers: plainHeaders(headers), body: stream });
  });
  stream.on('error', reject); // After the headers it is the reader of the body who gets it.
  stream.once('close', () => {
    signal?.removeEventListener('abort', abort);
    reject(new Error('the connection was closed before an answer came'));
  });
  if (body) stream.end(body);
  else stream.end();
  return promise;
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}
