import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import { badRequestError, notFoundError, StatusError } from '#machinery/status.ts';
import { allContainers } from '../containers/containers.ts';
import { type LogOptions, readLog } from '../logs/log-reader.ts';
import type { PodManager } from '../pods/pod-manager.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { type ContainerRuntime, rpcMessage } from '../runtime/connect.ts';
import { type ContainerRunState, inspectPod } from '../runtime/pod-state.ts';
import { NodeAuthorizer, subresourceOf } from './authorize.ts';
import { nodeMetrics } from './metrics.ts';
import { serveStream, type Wanted } from './streaming.ts';

export interface KubeletServerOptions {
  readonly port: number;
  readonly address?: string;
  /** PEM of the serving certificate, its key, and the authority of clients. */
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly manager: PodManager;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface KubeletServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Clients that send their headers too slowly are cut off. */
const HEADERS_TIMEOUT_MS = 10_000;

/** The HTTPS server of a node, through which the API server reads logs and runs commands. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { log, signal } = options;
  const handler = new Handler(options);
  const server = createServer({
    cert: options.certificate,
    key: options.key,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false, // bearer tokens are good as well; without either the answer is 401
    minVersion: 'TLSv1.2',
    headersTimeout: HEADERS_TIMEOUT_MS,
  });
  server.on('request', (message, response) => {
    handler.request(message, response).catch((error: unknown) => {
      if (!response.headersSent) answerError(response, error);
      else response.destroy();
      if (!(error instanceof StatusError))
        log.warn({ err: error, path: pathOf(message) }, 'a request to the node failed');
    });
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    handler.upgrade(message, socket, head).catch((error: unknown) => {
      const status = error instanceof StatusError ? error.code : 500;
      const text = error instanceof Error ? error.message : String(error);
      socket.end(
        `HTTP/1.1 ${status} Error\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
      if (!(error instanceof StatusError))
        log.warn({ err: error, path: pathOf(message) }, 'a stream of the node failed');
    });
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  server.on('error', (error) => log.error({ err: error }, "the node's server failed"));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  signal.addEventListener('abort', () => void close(), { once: true }); // a server that is closed already is closed
  return { port: (server.address() as AddressInfo).port, close };
}

function pathOf(message: IncomingMessage): string {
  return (message.url ?? '/').split('?')[0] ?? '/';
}

function answerError(response: ServerResponse, error: unknown): void {
  const status = error instanceof StatusError ? error.code : 500;
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(error instanceof Error ? error.message : String(error));
}

class Handler {
  readonly #options: KubeletServerOptions;
  readonly #authorizer: NodeAuthorizer;

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    this.#authorizer = new NodeAuthorizer(options.client, options.nodeName);
  }

  async request(message: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#check(message);
    const path = pathOf(message);
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    switch (parts[0]) {
      case 'healthz':
        return text(response, 'ok');
      case 'pods':
        return json(response, this.#podList());
      case 'metrics':
        return text(response, nodeMetrics(this.#options.manager), 'text/plain; version=0.0.4; charset=utf-8');
      case 'containerLogs':
        return this.#logs(message, response, parts.slice(1));
      case 'exec':
      case 'attach':
      case 'portForward':
        throw badRequestError('Upgrade request required');
      default:
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
        response.end('404 page not found\n');
    }
  }

  async upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    await this.#check(message);
    const [verb, ...parts] = pathOf(message).split('/').slice(1).map(decodeURIComponent);
    const query = new URL(message.url ?? '/', 'https://node').searchParams;
    const { url, wanted } = await this.#target(verb ?? '', parts, query);
    await serveStream({ message, socket, head }, new URL(url), wanted);
  }

  async #check(message: IncomingMessage): Promise<void> {
    const caller = await this.#authorizer.authenticate(message.socket as TLSSocket, message.headers.authorization);
    if (!caller)
      throw new StatusError({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'Unauthorized',
        reason: 'Unauthorized',
        code: 401,
      });
    const verb = VERBS[message.method ?? 'GET'] ?? 'get';
    const subresource = subresourceOf(pathOf(message));
    if (await this.#authorizer.authorize(caller, verb, subresource)) return;
    const what = `Forbidden (user=${caller.name}, verb=${verb}, resource=nodes, subresource=${subresource})`;
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: what,
      reason: 'Forbidden',
      code: 403,
    });
  }

  #podList() {
    const items = [...this.#options.manager.workers.values()].map((worker) => worker.pod);
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
  }

  #worker(namespace = '', name = '', uid?: string): PodWorker {
    const worker = this.#options.manager.find(namespace, name, uid);
    if (!worker) throw notFoundError({ group: '', resource: 'pods' }, name);
    return worker;
  }

  /** The runtime's URL for a stream, and what is to come through it. */
  async #target(
    verb: string,
    parts: readonly string[],
    query: URLSearchParams,
  ): Promise<{ url: string; wanted: Wanted }> {
    const { runtime } = this.#options.runtime;
    if (verb === 'portForward') {
      const worker = this.#worker(parts[0], parts[1], parts[2]);
      const state = await inspectPod(this.#options.runtime, worker.pod.metadata.uid ?? '');
      const sandbox = state.sandboxes.find((one) => one.ready);
      if (!sandbox) throw notFoundError({ group: '', resource: 'pods' }, parts[1] ?? '');
      const ports = query.getAll('port').flatMap((value) => value.split(',').map(Number));
      if (ports.some((port) => !(Number.isInteger(port) && port > 0 && port < 65_536)))
        throw badRequestError('invalid port');
      const { url } = await runtime.portForward({ podSandboxId: sandbox.id, port: ports });
      return { url, wanted: { kind: 'ports', ports } };
    }
    if (verb !== 'exec' && verb !== 'attach') throw notFoundError({ group: '', resource: 'paths' }, verb);
    const hasUid = parts.length > 3;
    const container = parts[hasUid ? 3 : 2] ?? '';
    const worker = this.#worker(parts[0], parts[1], hasUid ? parts[2] : undefined);
    const run = await this.#running(worker, container);
    const flag = (name: string) => query.get(name) === '1' || query.get(name) === 'true';
    const tty = flag('tty');
    const command = { stdin: flag('input'), stdout: flag('output'), stderr: flag('error') && !tty, tty };
    if (!command.stdin && !command.stdout && !command.stderr)
      throw badRequestError('you must specify at least 1 of stdin, stdout, stderr');
    const request = { containerId: run.id, ...command };
    const { url } =
      verb === 'exec'
        ? await runtime.exec({ ...request, cmd: query.getAll('command') })
        : await runtime.attach(request);
    return { url, wanted: { kind: 'command', command } };
  }

  async #running(worker: PodWorker, container: string): Promise<ContainerRunState> {
    const state = await inspectPod(this.#options.runtime, worker.pod.metadata.uid ?? '');
    const run = state.containers.find((one) => one.name === container && one.state === 'running');
    if (!run) throw badRequestError(`container not found ("${container}")`);
    return run;
  }

  async #logs(
    message: IncomingMessage,
    response: ServerResponse,
    [namespace, name, container = '']: readonly string[],
  ): Promise<void> {
    const { runtime, clock } = this.#options;
    const query = new URL(message.url ?? '/', 'https://node').searchParams;
    const worker = this.#worker(namespace, name);
    if (!allContainers(worker.pod).some((one) => one.name === container))
      throw notFoundError({ group: '', resource: 'containers' }, container);
    const uid = worker.pod.metadata.uid ?? '';
    const state = await inspectPod(runtime, uid).catch((error: unknown) => {
      throw new Error(rpcMessage(error), { cause: error });
    });
    const runs = state.containers.filter((one) => one.name === container);
    const previous = query.get('previous') === 'true';
    const run = previous ? previousRun(worker, container, runs) : runs[0];
    if (!run)
      throw badRequestError(
        previous
          ? `previous terminated container "${container}" in pod "${name}" not found`
          : `container "${container}" in pod "${name}" is waiting to start: ${waitingReason(worker, container)}`,
      );
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const isRunning = async () => {
      const now = await inspectPod(runtime, uid);
      return now.containers.some((one) => one.id === run.id && (one.state === 'running' || one.state === 'created'));
    };
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.flushHeaders();
    const source = {
      path: run.logPath,
      clock,
      isRunning,
      signal: AbortSignal.any([gone.signal, this.#options.signal]),
    };
    for await (const chunk of readLog(source, logOptions(query, clock.now()))) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(response, gone.signal);
    }
    response.end();
  }
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

function statusOf(worker: PodWorker, container: string) {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = worker.pod.status;
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (one) => one.name === container,
  );
}

/** The run before the one that the status shows as current. While a restart is waited for, that is the newest. */
function previousRun(
  worker: PodWorker,
  container: string,
  runs: readonly ContainerRunState[],
): ContainerRunState | undefined {
  const isWaiting = statusOf(worker, container)?.state.waiting !== undefined;
  return runs.find((run, index) => run.state === 'exited' && (isWaiting || index > 0));
}

function waitingReason(worker: PodWorker, container: string): string {
  return statusOf(worker, container)?.state.waiting?.reason ?? 'ContainerCreating';
}

function logOptions(query: URLSearchParams, now: number): LogOptions {
  const number = (name: string) => (query.get(name) === null ? undefined : Number(query.get(name)));
  const seconds = number('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const stream = query.get('stream');
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    since: seconds !== undefined ? now - seconds * 1000 : sinceTime ? Date.parse(sinceTime) : undefined,
    stream: stream === 'Stdout' ? 'stdout' : stream === 'Stderr' ? 'stderr' : undefined,
  };
}

function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    gone.addEventListener('abort', () => resolve(), { once: true });
  });
}

function text(response: ServerResponse, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(200, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(body);
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));
}
