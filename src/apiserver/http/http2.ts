import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Answer, AnswerHeaders, ApiRequest, Sink } from './exchange.ts';
import type { Serving } from './listener.ts';
import type { OpenRequest } from './open-requests.ts';
import { pathAndQuery, unfinished, verifiedCertificate } from './target.ts';

interface IncomingStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly socket: TLSSocket;
  readonly authenticated: () => void;
}

/** Serves one HTTP/2 stream. */
export function serveHttp2Stream({ stream, headers, socket, authenticated }: IncomingStream, serving: Serving): void {
  const open = serving.requests.begin();
  stream.once('close', () => open.gone());
  stream.on('error', (error) => serving.log.debug({ err: error }, 'HTTP/2 stream failed'));
  const request = requestOf(stream, headers, socket, open);
  void serving
    .serve(request, authenticated)
    .then((answer) => send(stream, answer, open.signal, serving))
    .finally(() => open.answered());
}

function requestOf(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  socket: TLSSocket,
  { signal, lasts }: OpenRequest,
): ApiRequest {
  const target = pathAndQuery(headers[':path'] ?? '/');
  const length = headers['content-length'];
  const valuesOf = (name: string): readonly string[] => {
    const value = headers[name];
    if (value === undefined) return [];
    return Array.isArray(value) ? value : value.split(', ');
  };
  return {
    ...target,
    method: headers[':method'] ?? 'GET',
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    all: valuesOf,
    headerNames: () => Object.keys(headers).filter((name) => !name.startsWith(':')),
    body: unfinished(stream),
    contentLength: length === undefined ? undefined : Number(length),
    remoteAddress: socket.remoteAddress ?? '',
    clientCertificate: verifiedCertificate(socket),
    signal,
    lasts,
  };
}

async function send(stream: ServerHttp2Stream, answer: Answer, signal: AbortSignal, serving: Serving): Promise<void> {
  if (stream.destroyed || stream.closed || stream.writableEnded) return;
  try {
    stream.respond({ ':status': answer.status, ...headersOf(answer.headers) });
    if (typeof answer.body !== 'function') {
      const last = answer.body.length - 1;
      answer.body.forEach((chunk, index) => (index === last ? stream.end(chunk) : stream.write(chunk)));
      if (last < 0) stream.end();
    } else {
      await answer.body(sinkOf(stream, signal));
      stream.end();
    }
    // what the client still sends is of no interest any more
    if (!stream.readableEnded) stream.resume();
  } catch (error) {
    if (stream.destroyed) return;
    serving.log.warn({ err: error }, 'an answer was cut short');
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

function headersOf(headers: AnswerHeaders): Record<string, string | string[]> {
  return headers as Record<string, string | string[]>; // node's type lacks readonly arrays
}

function sinkOf(stream: ServerHttp2Stream, closed: AbortSignal): Sink {
  return {
    closed,
    write(chunk) {
      if (stream.destroyed || stream.writableEnded) return true;
      return stream.write(chunk);
    },
    drained: () => drained(stream, closed),
  };
}

/** Resolves when the stream takes more, or when there is nobody left to send to. */
export function drained(
  stream: {
    once(event: 'drain', listener: () => void): unknown;
    off(event: 'drain', listener: () => void): unknown;
    readonly writableNeedDrain: boolean;
  },
  closed: AbortSignal,
): Promise<void> {
  if (closed.aborted || !stream.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      closed.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    closed.addEventListener('abort', done, { once: true });
  });
}
