import {
  type ClientRequestArgs,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { type RequestOptions, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';

/** A connection whose protocol was changed. */
export interface Upgraded {
  readonly kind: 'upgraded';
  readonly headers: IncomingHttpHeaders;
  readonly socket: Duplex;
  /** Bytes of the new protocol that came with the answer. */
  readonly head: Uint8Array;
}

/** An answer that refuses. Its connection is closed after it and never used again (CVE-2018-1002105). */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

export interface UpgradeRequest {
  readonly url: URL;
  readonly method: string;
  /** With `connection` and `upgrade`. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Client certificate, authorities and the like, for https. */
  readonly tls?: Pick<
    RequestOptions,
    'ca' | 'cert' | 'key' | 'servername' | 'checkServerIdentity' | 'rejectUnauthorized'
  >;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Asks a server to change the protocol, on a connection of its own. Redirects are answers like any other. */
export function requestUpgrade(options: UpgradeRequest): Promise<Upgraded | Refused> {
  const { url, method, headers, tls, timeoutMs, signal } = options;
  const common: ClientRequestArgs = {
    method,
    headers: headers as Record<string, string | string[]>,
    agent: false,
    ...(signal ? { signal } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest(url, { ...common, ...tls }) : httpRequest(url, common);
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer from ${url.host} in ${timeoutMs} ms`)));
    request.once('error', reject);
    request.once('upgrade', (response, socket, head) => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      resolve({ kind: 'upgraded', headers: response.headers, socket, head });
    });
    request.once('response', (response) => {
      request.setTimeout(0);
      resolve({ kind: 'refused', status: response.statusCode ?? 502, headers: response.headers, body: response });
    });
    request.end();
  });
}

/** The answer 101 to a client, as bytes. */
export function switchingProtocols(headers: IncomingHttpHeaders): string {
  const kept = Object.entries(headers).filter(([name]) => PASSED.test(name));
  const lines = kept.flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`));
  return ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n');
}

/** Headers that belong to the change of protocol. */
const PASSED = /^(connection|upgrade|x-stream-protocol-version|x-accepted-stream-protocol-versions|sec-websocket-.*)$/;

/** Joins two connections until either ends; resolves when both have. */
export async function tunnel(a: Duplex, b: Duplex): Promise<void> {
  const ended = (stream: Duplex) =>
    new Promise<void>((resolve) => {
      stream.once('close', resolve);
      if (stream.destroyed) resolve();
    });
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => to.end(() => to.destroy()));
    from.pipe(to);
  }
  await Promise.all([ended(a), ended(b)]);
}
