import type { IncomingMessage } from 'node:http';
import { switchingProtocols, tunnel, type Upgraded } from '#streams/upgrade.ts';
import { type Answer, type ApiRequest, TAKEN } from '../http/exchange.ts';

/** Headers that belong to one connection and are not passed on. Source: RFC 9110, section 7.6.1. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Headers of an upgrade request that are passed on to a node. The client's credentials are not among them. */
const UPGRADE_HEADERS = [
  'upgrade',
  'x-stream-protocol-version',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'origin',
  'user-agent',
];
/** What tells who a client is, or claims to: whoever stands behind a proxy must not get it. */
const CREDENTIALS = /^(authorization|cookie2?|impersonate-.*|x-remote-.*|:.*)$/;

/** Headers of a proxied request. */
export function forwardedHeaders(request: ApiRequest): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = {};
  for (const name of request.headerNames()) {
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || CREDENTIALS.test(key) || key === 'host') continue;
    const values = request.all(key);
    headers[key] = values.length > 1 ? values : (request.header(key) ?? '');
  }
  const before = request.header('x-forwarded-for');
  headers['x-forwarded-for'] = before ? `${before}, ${request.remoteAddress}` : request.remoteAddress;
  return headers;
}

export function upgradeHeaders(request: ApiRequest): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = { connection: 'Upgrade' };
  for (const name of UPGRADE_HEADERS) {
    const values = request.all(name);
    const value = request.header(name);
    if (values.length > 1) headers[name] = values;
    else if (value !== undefined) headers[name] = value;
  }
  return headers;
}

/** Passes an answer on as it comes, no faster than the client takes it. `rewrite` changes its headers. */
export function streamedAnswer(
  response: IncomingMessage,
  rewrite: (headers: Record<string, string | readonly string[]>) => void = () => undefined,
): Answer {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined && !HOP_BY_HOP.has(name)) headers[name] = value;
  rewrite(headers);
  return {
    status: response.statusCode ?? 502,
    headers,
    async body(sink) {
      sink.closed.addEventListener('abort', () => response.destroy(), { once: true });
      try {
        for await (const chunk of response as AsyncIterable<Uint8Array>) {
          if (sink.closed.aborted) break;
          if (!sink.write(chunk)) await sink.drained();
        }
      } catch (error) {
        if (!sink.closed.aborted) throw error;
      }
    },
  };
}

/** Joins the client's connection to one that has changed its protocol, byte by byte, and lets them run. */
export function tunnelled(request: ApiRequest, upgraded: Upgraded): Answer {
  if (!request.upgrade) throw new Error('not an upgrade request');
  const { socket, head } = request.upgrade.take();
  socket.write(switchingProtocols(upgraded.headers));
  if (upgraded.head.length > 0) socket.write(upgraded.head);
  if (head.byteLength > 0) upgraded.socket.write(head);
  void tunnel(socket, upgraded.socket); // it never fails: connections that break end each other
  return TAKEN;
}

/** The whole of a refusal, to be told to the client: bounded, since anybody may be behind a proxy. */
export async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_TEXT_BYTES) break;
    pieces.push(chunk);
  }
  response.destroy();
  return Buffer.concat(pieces).toString();
}

const MAX_TEXT_BYTES = 64 * 1024;
