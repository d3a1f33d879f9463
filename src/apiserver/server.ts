import type { MessagePort } from 'node:worker_threads';
import type { Transport } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { directTransport } from '#client/in-process.ts';
import type { PortUser } from '#client/port-protocol.ts';
import { manifest } from '#resources/manifest.ts';
import type { User } from './admission/admission.ts';
import { type BootstrapOptions, bootstrap, keepKubernetesEndpoints } from './bootstrap/bootstrap.ts';
import { runChain } from './chain.ts';
import type { Answer, ApiRequest } from './http/exchange.ts';
import { listenForRequests } from './http/listener.ts';
import { handleInProcess } from './in-process/in-process.ts';
import { servePort } from './in-process/port.ts';
import { ANONYMOUS } from './layers/authenticate.ts';
import { PLAIN_JSON } from './negotiation/accept.ts';
import { type ApiServerOptions, DEFAULT_SERVICE_CIDRS } from './options.ts';
import { composeServer } from './compose.ts';
import type { Exchange } from './request/exchange.ts';
import { requestInfo } from './request/info.ts';

export type { ApiServerOptions } from './options.ts';

/** A running API server. Disposing it drains requests; the store is the caller's. */
export interface ApiServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Requests from this process, as `user`: same chain, same rights, no socket. */
  inProcess(user: PortUser): Transport;
  /** Serves another thread of this process. The port is trusted to say who it speaks for. */
  servePort(port: MessagePort): Disposable;
  /** Resolves when the objects that every cluster has are there; rejects only where the server is closed before. */
  readonly bootstrapped: Promise<void>;
}

/** Whom the server itself acts as. */
const SELF: PortUser = { name: 'system:apiserver', groups: ['system:masters'] };

/** Starts to serve the API; resolves when requests are answered. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const closing = new AbortController();
  const composed = await composeServer(options, manifest);
  const serve = (request: ApiRequest, user?: User): Promise<Answer> => {
    const exchange = exchangeOf(composed.parts, request, user);
    return runChain(exchange);
  };
  const listener = await listenForRequests({
    listen: options.listen,
    certificates: options.certificates,
    clientCa: [options.clientCa, options.frontProxyCa],
    ioClock: options.ioClock,
    log: options.log,
    async serve(request, lift) {
      const exchange = exchangeOf(composed.parts, request, undefined);
      const answer = await runChain(exchange);
      if (exchange.user !== ANONYMOUS) lift();
      return answer;
    },
  });
  const direct = (user: PortUser): Transport =>
    directTransport((request, as) => handleInProcess(serve, request, as, closing.signal), user);
  const host = options.externalHost ?? listener.host;
  composed.setServerAddress(`${host}:${listener.port}`);
  const objects = bootstrapOptions(options, listener.port, host);
  const client = createClient(direct(SELF), { userAgent: 'dhow-apiserver' });
  const keeping = { ...options, signal: closing.signal };
  const bootstrapped = bootstrap(client, objects, keeping).then(() => composed.setBootstrapped());
  // both end with the signal and never reject; a bootstrap that was cut short is told to whoever waits for it
  void bootstrapped.then(
    () => Promise.all([composed.maintain(closing.signal), keepKubernetesEndpoints(client, objects, keeping)]),
    () => undefined,
  );
  return {
    host: listener.host,
    port: listener.port,
    bootstrapped,
    inProcess: direct,
    servePort: (port) => servePort(port, (request, user) => handleInProcess(serve, request, user, closing.signal)),
    async [Symbol.asyncDispose]() {
      composed.setEnding();
      closing.abort(new Error('the server is shutting down'));
      await listener[Symbol.asyncDispose]();
      composed[Symbol.dispose]();
    },
  };
}

function exchangeOf(server: Exchange['server'], request: ApiRequest, user: User | undefined): Exchange {
  return {
    request,
    server,
    signal: request.signal,
    info: requestInfo(request.method, '/', request.query),
    user: user ?? ANONYMOUS,
    vouched: user !== undefined,
    route: undefined,
    rendering: PLAIN_JSON,
    warnings: [],
  };
}

function bootstrapOptions(options: ApiServerOptions, port: number, host: string): BootstrapOptions {
  return {
    serviceCidrs: options.serviceCidrs ?? DEFAULT_SERVICE_CIDRS,
    port,
    advertiseAddresses: options.advertiseAddresses ?? [],
    clusterCa: options.clientCa,
    frontProxyCa: options.frontProxyCa,
    server: `https://${host}:${port}`,
  };
}
