import type { TransportRequest, TransportResponse } from '#client/client.ts';
import type { User } from '../admission/admission.ts';
import type { Answer, ApiRequest, Sink } from '../http/exchange.ts';
import { pathAndQuery } from '../http/target.ts';

/** Bytes of a body that may wait for its reader before the writer is asked to pause. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** Sends a request down the chain as `user`; never rejects. */
export type ServeAs = (request: ApiRequest, user: User) => Promise<Answer>;

/** A request of this process: the chain is the same as for one over HTTPS, only the identity is vouched for. */
export async function handleInProcess(
  serve: ServeAs,
  request: TransportRequest,
  user: User,
  closing: AbortSignal,
): Promise<TransportResponse> {
  const gone = new AbortController();
  const signals = [gone.signal, closing, ...(request.signal ? [request.signal] : [])];
  const signal = AbortSignal.any(signals);
  const answer = await serve(requestOf(request, signal), user);
  return { status: answer.status, headers: flat(answer), body: bodyOf(answer, signal, gone) };
}

function requestOf({ method, path, headers, body }: TransportRequest, signal: AbortSignal): ApiRequest {
  const names = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...pathAndQuery(path),
    method,
    header: (name) => names.get(name),
    all: (name) => names.get(name)?.split(', ') ?? [],
    headerNames: () => [...names.keys()],
    body: once(body),
    contentLength: body?.byteLength ?? 0,
    remoteAddress: '',
    clientCertificate: undefined,
    signal,
  };
}

async function* once(body: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (body) yield body;
}

function flat({ headers }: Answer): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : value.join(', ')]),
  );
}

function bodyOf({ body }: Answer, signal: AbortSignal, gone: AbortController): AsyncIterable<Uint8Array> {
  if (typeof body !== 'function') return pieces(body);
  const pipe = new Pipe(signal);
  void body(pipe).then(
    () => pipe.end(undefined),
    (error: unknown) => pipe.end(error),
  );
  return pipe.read(() => gone.abort(new Error('the reader has left')));
}

async function* pieces(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** What is written comes out again, in order; the writer hears when too much waits. */
class Pipe implements Sink {
  readonly closed: AbortSignal;
  readonly #chunks: Uint8Array[] = [];
  #waiting = 0;
  #ended = false;
  #error: unknown;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(closed: AbortSignal) {
    this.closed = closed;
    closed.addEventListener('abort', () => this.#wake(), { once: true });
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed.aborted) return true;
    this.#chunks.push(chunk);
    this.#waiting += chunk.byteLength;
    this.#wakeReader?.();
    return this.#waiting < HIGH_WATER_BYTES;
  }

  async drained(): Promise<void> {
    if (this.closed.aborted || this.#waiting < HIGH_WATER_BYTES) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeWriter = resolve;
    await promise;
  }

  end(error: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#wakeReader?.();
  }

  async *read(left: () => void): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#waiting -= chunk.byteLength;
          if (this.#waiting < HIGH_WATER_BYTES) this.#wakeWriter?.();
          yield chunk;
        } else if (this.#ended || this.closed.aborted) {
          if (this.#error !== undefined && !this.closed.aborted) throw this.#error;
          return;
        } else {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wakeReader = resolve;
          await promise;
        }
      }
    } finally {
      left();
    }
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}
