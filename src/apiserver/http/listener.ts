import { createServer as createHttp1Server, type Server as Http1Server } from 'node:http';
import { performServerHandshake, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { serveHttp1 } from './http1.ts';
import { serveHttp2Stream } from './http2.ts';
import { OpenRequests } from './open-requests.ts';

/** Streams that one connection may have open before and after somebody has authenticated on it. */
const STREAMS_AT_FIRST = 100;
const STREAMS_AUTHENTICATED = 1000;

const MAX_HEADER_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 32_000;
const IDLE_TIMEOUT_MS = 180_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 10_000;
/** A small window would make uploads wait for our window updates. */
const STREAM_WINDOW_BYTES = 256 * 1024;
/** How long a closing server waits for requests under way before it cuts the connections. */
const DRAIN_MS = 4_000;
/** A client that has vanished without a word is noticed by the silence of its kernel. */
const KEEP_ALIVE_MS = 15_000;

/** What to listen on: an address, or a socket that somebody else holds open (a supervisor) across our restarts. */
export type ListenOn =
  | { readonly host: string; readonly port: number }
  | { readonly fd: number }
  | { readonly server: NetServer };

/** Key and certificate chain as PEM. */
export interface ServingCertificate {
  readonly key: string;
  readonly certificate: string;
}

/** The serving certificate; when it is replaced, new connections get the new one. */
export interface CertificateSource {
  readonly current: ServingCertificate;
  subscribe(listener: () => void): Disposable;
}

export interface ListenerOptions {
  readonly listen: ListenOn;
  readonly certificates: CertificateSource;
  /** PEM of the authorities whose client certificates count. */
  readonly clientCa: readonly string[];
  readonly serve: Serve;
  readonly ioClock: Clock;
  readonly log: Logger;
}

/** Answers one request; never rejects. `authenticated` lifts the limit of streams on that connection. */
export type Serve = (request: ApiRequest, authenticated: () => void) => Promise<Answer>;

/** HTTP/2 and HTTP/1.1 over TLS on one port. Disposing drains: watches end at once, other requests are waited for. */
export interface Listener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** What requests share with their listener. */
export interface Serving {
  readonly serve: Serve;
  readonly requests: OpenRequests;
  readonly log: Logger;
}

/** ALPN decides between the two protocols; HTTP/2 runs on node's stream API, which costs less than its request API. */
export async function listenForRequests(options: ListenerOptions): Promise<Listener> {
  const requests = new OpenRequests();
  const serving: Serving = { serve: options.serve, requests, log: options.log };
  const connections = new Connections();
  const http1 = createHttp1(serving);
  const tls = createTls(options, (socket) => {
    connections.add(socket);
    if (socket.alpnProtocol === 'h2') connections.addSession(openSession(socket, serving));
    else http1.emit('connection', socket);
  });
  using setup = new DisposableStack();
  setup.use(options.certificates.subscribe(() => tls.setSecureContext(contextOf(options))));
  const listening = await listen(options.listen, tls);
  const address = listening.address() as AddressInfo;
  const subscriptions = setup.move();
  return {
    host: address.address,
    port: address.port,
    async [Symbol.asyncDispose]() {
      subscriptions.dispose();
      requests.close();
      const closed = new Promise<void>((resolve) => listening.close(() => resolve()));
      http1.close(); // idle connections end, those with a request end after it
      await connections.drain(options.ioClock, requests);
      await closed;
    },
  };
}

function contextOf({ certificates, clientCa }: ListenerOptions) {
  const { key, certificate } = certificates.current;
  return { key, cert: certificate, ca: [...clientCa], minVersion: 'TLSv1.2' as const };
}

function createTls(options: ListenerOptions, connected: (socket: TLSSocket) => void): TlsServer {
  const tls = createTlsServer({
    ...contextOf(options),
    ALPNProtocols: ['h2', 'http/1.1'],
    requestCert: true,
    rejectUnauthorized: false, // a token may come instead; what TLS could not verify is not read (http2.ts, http1.ts)
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  tls.maxConnections = MAX_CONNECTIONS;
  tls.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    connected(socket);
  });
  tls.on('tlsClientError', (error, socket) => {
    options.log.debug({ err: error, remote: socket.remoteAddress }, 'TLS handshake failed');
    socket.destroy();
  });
  return tls;
}

/** Listens, or takes connections from the server that somebody else made. Resolves with what holds the address. */
async function listen(on: ListenOn, tls: TlsServer): Promise<NetServer> {
  if ('server' in on) {
    on.server.on('connection', (socket: Socket) => tls.emit('connection', socket));
    return on.server;
  }
  // the TLS server does not listen itself, so that inherited and own sockets go the same way
  const server = createNetServer({ noDelay: true }, (socket) => tls.emit('connection', socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen('fd' in on ? { fd: on.fd } : { host: on.host, port: on.port, backlog: 1024 }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return server;
}

function createHttp1(serving: Serving): Http1Server {
  const server = createHttp1Server({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0, // watches and exec last; the chain's deadline ends the rest
    keepAliveTimeout: IDLE_TIMEOUT_MS,
  });
  serveHttp1(server, serving);
  // sockets are handed to it: it keeps its time limits, and knows what is idle, only once it believes that it listens
  server.emit('listening');
  return server;
}

function openSession(socket: TLSSocket, serving: Serving): ServerHttp2Session {
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: 512,
    maxSessionInvalidFrames: 100,
    settings: {
      maxConcurrentStreams: STREAMS_AT_FIRST,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: MAX_HEADER_BYTES,
      enablePush: false,
    },
  });
  let lifted = false;
  const authenticated = () => {
    if (lifted || session.destroyed) return;
    lifted = true;
    session.settings({ maxConcurrentStreams: STREAMS_AUTHENTICATED });
  };
  let open = 0;
  session.on('stream', (stream, headers) => {
    open++;
    stream.once('close', () => open--);
    serveHttp2Stream({ stream, headers, socket, authenticated }, serving);
  });
  session.on('error', (error) => serving.log.debug({ err: error }, 'HTTP/2 connection failed'));
  session.setTimeout(IDLE_TIMEOUT_MS, () => {
    if (open === 0) session.close(); // silent watches keep their connection
  });
  return session;
}

/** Every open connection, so that closing can wait for them and then cut them. */
class Connections {
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  add(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  }

  async drain(clock: Clock, requests: OpenRequests): Promise<void> {
    for (const session of this.#sessions) session.close();
    const gone = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    using _limit = clock.after(DRAIN_MS, () => {
      requests.cut();
      for (const socket of this.#sockets) socket.destroy();
    });
    await Promise.all(gone);
  }
}
