import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction } from '#machinery/types/core-v1.ts';
import type { AnyContainer } from '../containers/containers.ts';
import { type ContainerRuntime, rpcMessage } from '../runtime/connect.ts';
import { Health, HealthCheckResponse_ServingStatus } from '../runtime/cri/generated/grpc-health-v1_pb.ts';

/** What an action against a container came to. `unknown` is an action that could not be tried. */
export interface Outcome {
  readonly result: 'success' | 'warning' | 'failure' | 'unknown';
  readonly message: string;
}

export interface Target {
  readonly container: AnyContainer;
  readonly containerId: string;
  readonly podIp: string;
  readonly timeoutMs: number;
  /** `kube-probe/1.36` or `kube-lifecycle/1.36`. */
  readonly userAgent: string;
}

/** Of an answer, no more than this is read. Upstream's number. */
const MAX_BODY_BYTES = 10 * 1024;
const MAX_REDIRECTS = 10;

export async function execAction(runtime: ContainerRuntime, action: ExecAction, target: Target): Promise<Outcome> {
  try {
    const answer = await runtime.runtime.execSync(
      {
        containerId: target.containerId,
        cmd: [...(action.command ?? [])],
        timeout: BigInt(Math.ceil(target.timeoutMs / 1000)),
      },
      { timeoutMs: target.timeoutMs + 5_000 },
    );
    const message = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, MAX_BODY_BYTES).toString();
    return { result: answer.exitCode === 0 ? 'success' : 'failure', message };
  } catch (error) {
    if (ConnectError.from(error).code === Code.DeadlineExceeded)
      return {
        result: 'failure',
        message: `command timed out: "${(action.command ?? []).join(' ')}" timed out after ${showSeconds(target.timeoutMs)}`,
      };
    return { result: 'unknown', message: rpcMessage(error) };
  }
}

function showSeconds(ms: number): string {
  return `${ms / 1000}s`;
}

/** The number of a port that is given as one or by its name. */
export function resolvePort(port: number | string, container: AnyContainer): number {
  const number = typeof port === 'number' ? port : Number(port);
  const named = (container.ports ?? []).find((one) => one.name === port)?.containerPort;
  const found = Number.isInteger(number) && number > 0 ? number : named;
  if (found === undefined) throw new Error(`couldn't find port: ${JSON.stringify(port)}`);
  return found;
}

export function tcpAction(action: TCPSocketAction, target: Target): Promise<Outcome> {
  const port = resolvePort(action.port, target.container);
  const host = action.host || target.podIp;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: Outcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(target.timeoutMs, () =>
      end({ result: 'failure', message: `dial tcp ${join(host, port)}: i/o timeout` }),
    );
    socket.once('connect', () => end({ result: 'success', message: '' }));
    socket.once('error', (error) =>
      end({ result: 'failure', message: `dial tcp ${join(host, port)}: ${errorText(error)}` }),
    );
  });
}

function join(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The words of Go's network errors, which users search for. */
function errorText(error: Error & { readonly code?: string }): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connect: connection refused';
    case 'EHOSTUNREACH':
      return 'connect: no route to host';
    case 'ENETUNREACH':
      return 'connect: network is unreachable';
    case 'ECONNRESET':
      return 'read: connection reset by peer';
    case 'ENOTFOUND':
      return 'lookup: no such host';
    default:
      return error.message;
  }
}

export function httpAction(action: HTTPGetAction, target: Target): Promise<Outcome> {
  const port = resolvePort(action.port, target.container);
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = new URL(`${scheme}://${join(action.host || target.podIp, port)}${path}`);
  const headers: Record<string, string> = { 'user-agent': target.userAgent, accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) {
    if (value === '' && name.toLowerCase() === 'accept') delete headers.accept;
    else headers[name.toLowerCase()] = value;
  }
  return fetchOnce(url, headers, target.timeoutMs, MAX_REDIRECTS);
}

/** A fresh connection each time: a kept one would say nothing about the server's ability to take new ones. */
function fetchOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  redirects: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const shown = `Get "${url.href}"`;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    // A probe asks whether the server answers, not who it is: certificates are not verified, as documented.
    const request = send(url, { headers, agent: false, rejectUnauthorized: false, timeout: timeoutMs });
    const deadline = AbortSignal.timeout(timeoutMs);
    const expire = () => {
      request.destroy();
      resolve({
        result: 'failure',
        message: `${shown}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      });
    };
    deadline.addEventListener('abort', expire, { once: true });
    const end = (outcome: Outcome | Promise<Outcome>) => {
      deadline.removeEventListener('abort', expire);
      request.destroy();
      resolve(outcome);
    };
    request.once('timeout', expire);
    request.once('error', (error) => end({ result: 'failure', message: `${shown}: ${errorText(error)}` }));
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      const location = response.headers.location;
      if (location && [301, 302, 303, 307, 308].includes(status)) {
        const next = new URL(location, url);
        if (next.hostname !== url.hostname)
          return end({ result: 'warning', message: `Probe terminated redirects, Response body: ` });
        if (redirects === 0) return end({ result: 'failure', message: `${shown}: stopped after 10 redirects` });
        return end(fetchOnce(next, headers, timeoutMs, redirects - 1));
      }
      response.on('error', () => undefined); // what came before decides
      response.resume();
      if (status >= 200 && status < 400) end({ result: 'success', message: '' });
      else end({ result: 'failure', message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.end();
  });
}

const SERVING_STATUS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(HealthCheckResponse_ServingStatus).map(([name, number]) => [number, name]),
);

export async function grpcAction(action: GRPCAction, target: Target): Promise<Outcome> {
  const address = join(target.podIp, action.port);
  const transport = createGrpcTransport({
    baseUrl: `http://${address}`,
    idleConnectionTimeoutMs: 1,
    interceptors: [
      (next) => (request) => {
        request.header.set('user-agent', target.userAgent);
        return next(request);
      },
    ],
  });
  try {
    const answer = await createClient(Health, transport).check(
      { service: action.service ?? '' },
      { timeoutMs: target.timeoutMs },
    );
    if (answer.status === HealthCheckResponse_ServingStatus.SERVING)
      return { result: 'success', message: 'service healthy' };
    return {
      result: 'failure',
      message: `service unhealthy (responded with ${JSON.stringify(SERVING_STATUS[answer.status] ?? 'UNKNOWN')})`,
    };
  } catch (error) {
    const { code } = ConnectError.from(error);
    if (code === Code.Unimplemented)
      return {
        result: 'failure',
        message: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${ConnectError.from(error).rawMessage}`,
      };
    if (code === Code.DeadlineExceeded)
      return {
        result: 'failure',
        message: `timeout: health rpc did not complete within ${showSeconds(target.timeoutMs)}`,
      };
    return { result: 'failure', message: `error: health rpc probe failed: ${rpcMessage(error)}` };
  }
}
