import type { MessagePort } from 'node:worker_threads';
import type { TransportRequest, TransportResponse } from '#client/client.ts';
import {
  type ClientFrame,
  INITIAL_CREDIT_BYTES,
  type PortBatch,
  type PortUser,
  type ServerFrame,
} from '#client/port-protocol.ts';

/** Answers a request that came over a port. */
export type HandleOnPort = (request: TransportRequest, user: PortUser) => Promise<TransportResponse>;

/** Serves the requests of another thread of this process until the port closes or this is disposed. */
export function servePort(port: MessagePort, handle: HandleOnPort): Disposable {
  const requests = new Map<number, PortRequest>();
  let outgoing: ServerFrame[] = [];

  function send(frame: ServerFrame): void {
    if (outgoing.length === 0) setImmediate(flush); // frames of one turn travel together
    outgoing.push(frame);
  }

  function flush(): void {
    const batch = outgoing;
    outgoing = [];
    const moved = batch.flatMap((frame) => (frame.type === 'data' ? [frame.bytes.buffer as ArrayBuffer] : []));
    port.postMessage(batch satisfies PortBatch<ServerFrame>, moved);
  }

  function close(): void {
    for (const request of requests.values()) request.cancel();
    requests.clear();
  }

  port.on('message', (batch: PortBatch<ClientFrame>) => {
    for (const frame of batch) {
      if (frame.type === 'request') {
        const request = new PortRequest(frame.id, send);
        requests.set(frame.id, request);
        void request.run(frame, handle).finally(() => requests.delete(frame.id));
      } else if (frame.type === 'credit') requests.get(frame.id)?.give(frame.bytes);
      else requests.get(frame.id)?.cancel();
    }
  });
  port.on('close', close);
  return {
    [Symbol.dispose]() {
      close();
      port.close();
    },
  };
}

/** One request under way: its body is read only as far as the other side has given credit. */
class PortRequest {
  readonly #id: number;
  readonly #send: (frame: ServerFrame) => void;
  readonly #gone = new AbortController();
  #credit = INITIAL_CREDIT_BYTES;
  #wake: (() => void) | undefined;

  constructor(id: number, send: (frame: ServerFrame) => void) {
    this.#id = id;
    this.#send = send;
  }

  async run(frame: Extract<ClientFrame, { type: 'request' }>, handle: HandleOnPort): Promise<void> {
    const { method, path, headers, body, user } = frame;
    const id = this.#id;
    try {
      const request = {
        method: method as TransportRequest['method'], // the client's end takes no other
        path,
        headers,
        signal: this.#gone.signal,
        ...(body ? { body } : {}),
      };
      const response = await handle(request, user);
      this.#reply({ type: 'head', id, status: response.status, headers: response.headers });
      for await (const bytes of response.body) {
        // a copy that owns its memory, since these bytes are shared with other answers
        this.#reply({ type: 'data', id, bytes: Uint8Array.from(bytes) });
        this.#credit -= bytes.byteLength;
        await this.#creditGiven();
        if (this.#gone.signal.aborted) return;
      }
      this.#reply({ type: 'end', id });
    } catch (error) {
      this.#reply({ type: 'failed', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  give(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > 0) this.#wake?.();
  }

  cancel(): void {
    this.#gone.abort(new Error('the client cancelled the request'));
    this.#wake?.();
  }

  #reply(frame: ServerFrame): void {
    if (!this.#gone.signal.aborted) this.#send(frame);
  }

  async #creditGiven(): Promise<void> {
    while (this.#credit <= 0 && !this.#gone.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}
