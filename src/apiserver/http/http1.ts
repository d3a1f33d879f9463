import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Answer, ApiRequest, Sink, Upgrade } from './exchange.ts';
import { TAKEN } from './exchange.ts';
import { drained } from './http2.ts';
import type { Serving } from './listener.ts';
import type { OpenRequest } from './open-requests.ts';
import { pathAndQuery, unfinished, verifiedCertificate } from './target.ts';

/** Serves the requests and upgrades that come in on `server`. */
export function serveHttp1(server: Server, serving: Serving): void {
  server.on('request', (message, response) => {
    const open = serving.requests.begin();
    response.once('close', () => open.gone());
    void serving
      .serve(requestOf(message, open), () => {})
      .then((answer) => send(response, answer, open.signal, serving))
      .finally(() => open.answered());
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    const open = serving.requests.begin();
    socket.once('close', () => open.gone());
    socket.on('error', () => socket.destroy());
    let taken = false;
    const upgrade: Upgrade = {
      protocol: message.headers.upgrade?.toLowerCase() ?? '',
      take() {
        taken = true;
        return { socket, head };
      },
    };
    const request = { ...requestOf(message, open), upgrade };
    void serving
      .serve(request, () => {})
      .then((answer) => {
        if (!taken && answer !== TAKEN) refuseUpgrade(socket, answer);
      });
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  });
}

function requestOf(message: IncomingMessage, { signal, lasts }: OpenRequest): ApiRequest {
  const socket = message.socket as TLSSocket; // the listener hands over TLS sockets only
  const { headers, headersDistinct } = message;
  const length = headers['content-length'];
  return {
    ...pathAndQuery(message.url ?? '/'),
    method: message.method ?? 'GET',
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    all: (name) => headersDistinct[name] ?? [],
    headerNames: () => Object.keys(headers),
    body: unfinished(message),
    contentLength: length === undefined ? undefined : Number(length),
    remoteAddress: socket.remoteAddress ?? '',
    clientCertificate: verifiedCertificate(socket),
    signal,
    lasts,
  };
}

async function send(response: ServerResponse, answer: Answer, signal: AbortSignal, serving: Serving): Promise<void> {
  if (response.destroyed) return;
  try {
    const { body } = answer;
    const headers: Record<string, string | readonly string[] | number> = { ...answer.headers };
    // the rest of the body is not read; a server that closes takes no other request
    if (!response.req.complete || serving.requests.closed) headers['connection'] = 'close';
    if (typeof body !== 'function') {
      headers['content-length'] = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      response.writeHead(answer.status, headers as Record<string, string | string[] | number>);
      if (body.length > 1) response.cork();
      for (const chunk of body) response.write(chunk);
      response.end();
    } else {
      response.writeHead(answer.status, headers as Record<string, string | string[] | number>);
      response.flushHeaders();
      await body(sinkOf(response, signal));
      response.end();
    }
  } catch (error) {
    if (response.destroyed) return;
    serving.log.warn({ err: error }, 'an answer was cut short');
    response.destroy();
  }
}

function sinkOf(response: ServerResponse, closed: AbortSignal): Sink {
  return {
    closed,
    write(chunk) {
      if (response.destroyed || response.writableEnded) return true;
      return response.write(chunk);
    },
    drained: () => drained(response, closed),
  };
}

/** Answers an upgrade that nobody took as an ordinary request, and closes. */
function refuseUpgrade(socket: Duplex, answer: Answer): void {
  const body = typeof answer.body === 'function' ? [] : answer.body;
  const length = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const lines = [`HTTP/1.1 ${answer.status} ${answer.status < 400 ? 'OK' : 'Error'}`];
  for (const [name, value] of Object.entries({
    ...answer.headers,
    'content-length': String(length),
    connection: 'close',
  })) {
    for (const one of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${one}`);
  }
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  for (const chunk of body) socket.write(chunk);
  socket.end();
}
