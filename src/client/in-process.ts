import type { MessagePort } from 'node:worker_threads';
import type { Transport, TransportRequest, TransportResponse } from './client.ts';
import {
  type ClientFrame,
  INITIAL_CREDIT_BYTES,
  type PortBatch,
  type PortUser,
  type ServerFrame,
} from './port-protocol.ts';

/** The client's end of a port to the API server in another thread of this process. */
export interface PortConnection extends Disposable {
  /** A transport whose requests are made as `user`. */
  as(user: PortUser): Transport;
}

/** Credit is given back when this much has been read, so that it costs few frames. */
const CREDIT_STEP_BYTES = INITIAL_CREDIT_BYTES / 4;

/** Opens the client's end of `port`; see port-protocol.ts. Ends every request when the port closes. */
export function connectPort(port: MessagePort): PortConnection {
  const responses = new Map<number, PendingResponse>();
  let nextId = 1;
  let outgoing: ClientFrame[] = [];
  let closed = false;

  function send(frame: ClientFrame): void {
    if (closed) return;
    if (outgoing.length === 0) queueMicrotask(flush);
    outgoing.push(frame);
  }

  function flush(): void {
    const batch = outgoing;
    outgoing = [];
    if (!closed) port.postMessage(batch satisfies PortBatch<ClientFrame>);
  }

  function closeAll(): void {
    closed = true;
    for (const response of responses.values()) response.fail(new Error('the API server closed the port'));
    responses.clear();
  }

  port.on('message', (batch: PortBatch<ServerFrame>) => {
    for (const frame of batch) responses.get(frame.id)?.receive(frame);
  });
  port.on('close', closeAll);

  return {
    as: (user) => ({
      request(request) {
        if (closed) return Promise.reject(new Error('the API server closed the port'));
        const id = nextId++;
        const response = new PendingResponse(id, send, () => responses.delete(id));
        responses.set(id, response);
        return response.start(request, user);
      },
    }),
    [Symbol.dispose]() {
      closeAll();
      port.close();
    },
  };
}

/** A transport that calls the server directly, in the same thread: tests and single-threaded compositions. */
export function directTransport(
  handle: (request: TransportRequest, user: PortUser) => Promise<TransportResponse>,
  user: PortUser,
): Transport {
  return { request: (request) => handle(request, user) };
}

/** One response under way: frames come in, the reader takes them out and gives credit back. */
class PendingResponse implements AsyncIterable<Uint8Array> {
  readonly #id: number;
  readonly #send: (frame: ClientFrame) => void;
  readonly #forget: () => void;
  readonly #head = Promise.withResolvers<TransportResponse>();
  readonly #chunks: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;
  #taken = 0;
  #stopListening: (() => void) | undefined;

  constructor(id: number, send: (frame: ClientFrame) => void, forget: () => void) {
    this.#id = id;
    this.#send = send;
    this.#forget = forget;
  }

  start(request: TransportRequest, user: PortUser): Promise<TransportResponse> {
    const { method, path, headers, body, signal } = request;
    if (signal?.aborted) {
      this.#forget();
      return Promise.reject(signal.reason);
    }
    const abort = () => this.cancel(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => signal?.removeEventListener('abort', abort);
    this.#send({ type: 'request', id: this.#id, user, method, path, headers, ...(body ? { body } : {}) });
    return this.#head.promise;
  }

  receive(frame: ServerFrame): void {
    if (frame.type === 'head') {
      this.#head.resolve({ status: frame.status, headers: frame.headers, body: this });
    } else if (frame.type === 'data') {
      this.#chunks.push(frame.bytes);
    } else if (frame.type === 'end') {
      this.#finish(undefined);
    } else {
      this.#finish(new Error(frame.message));
    }
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#finish(error);
    this.#wake?.();
  }

  cancel(reason: unknown): void {
    if (this.#ended) return;
    this.#send({ type: 'cancel', id: this.#id });
    this.#chunks.length = 0;
    this.fail(reason);
  }

  #finish(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#stopListening?.();
    this.#forget();
    if (error !== undefined) this.#head.reject(error);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#giveBack(chunk.byteLength);
          yield chunk;
        } else if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          await promise;
        }
      }
    } finally {
      this.cancel(undefined);
    }
  }

  #giveBack(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < CREDIT_STEP_BYTES || this.#ended) return;
    this.#send({ type: 'credit', id: this.#id, bytes: this.#taken });
    this.#taken = 0;
  }
}
