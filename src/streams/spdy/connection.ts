import { Duplex } from 'node:stream';
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  type Frame,
  FrameReader,
  FrameType,
  HeaderReader,
  type Headers,
  HeaderWriter,
  RST_CANCEL,
  RST_PROTOCOL_ERROR,
  words,
} from './frames.ts';

/** Data is cut into frames of this size, so that streams take turns. */
const MAX_DATA_BYTES = 32 * 1024;
/** Streams of one connection; a port-forward has two for each connection through it. */
const MAX_STREAMS = 1000;

export interface SpdyOptions {
  readonly role: 'client' | 'server';
  /** Told of each stream that the peer opens. Where absent none is accepted. */
  readonly onStream?: (stream: SpdyStream) => void;
}

/**
 * SPDY/3.1 over a socket, as the streaming protocols of Kubernetes use it: streams with headers, half-close and reset,
 * pings, no push, no priorities. Like the peers' implementation it has no window of its own: a reader that is behind
 * stops the socket. Source: SPDY Protocol draft 3.1.
 */
export class SpdyConnection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #options: SpdyOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #writer = new HeaderWriter();
  readonly #reader = new HeaderReader();
  #nextId: number;
  #nextPing: number;

  constructor(socket: Duplex, head: Uint8Array, options: SpdyOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.#nextPing = this.#nextId;
    this.closed = this.#read(head)
      .catch(() => undefined) // a broken connection ends its streams, which is how their users learn of it
      .finally(() => this.close());
  }

  /** Opens a stream; what is written before the peer has answered is sent at once. */
  open(headers: Headers): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(
      id,
      headers,
      (frame) => this.#send(frame),
      () => this.#streams.delete(id),
    );
    this.#streams.set(id, stream);
    const block = this.#writer.write(headers);
    this.#send(controlFrame(FrameType.synStream, 0, Buffer.concat([words(id, 0), Buffer.from([0, 0]), block])));
    return stream;
  }

  ping(): void {
    this.#send(controlFrame(FrameType.ping, 0, words(this.#nextPing)));
    this.#nextPing += 2;
  }

  /** Ends the connection and all its streams. */
  close(): void {
    for (const stream of [...this.#streams.values()]) stream.abandon();
    this.#streams.clear();
    this.#reader[Symbol.dispose]();
    this.#socket.end(() => this.#socket.destroy());
  }

  #send(frame: Uint8Array): boolean {
    return this.#socket.writable ? this.#socket.write(frame) : true;
  }

  async #read(head: Uint8Array): Promise<void> {
    const frames = new FrameReader();
    for (const frame of frames.read(head)) await this.#take(frame);
    for await (const chunk of eagerly(this.#socket)) for (const frame of frames.read(chunk)) await this.#take(frame);
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.streamId);
      if (frame.data.byteLength > 0) await stream?.receive(frame.data);
      if (frame.fin) stream?.receiveEnd();
      return;
    }
    const { type, flags, payload } = frame;
    switch (type) {
      case FrameType.synStream:
        return this.#accept(payload, flags);
      case FrameType.synReply:
      case FrameType.headers: {
        await this.#reader.read(payload.subarray(4));
        if (flags & FLAG_FIN) this.#streams.get(payload.readUInt32BE(0))?.receiveEnd();
        return;
      }
      case FrameType.rstStream:
        this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff)?.abandon();
        return;
      case FrameType.ping: {
        const isOurs = payload.readUInt32BE(0) % 2 === (this.#options.role === 'client' ? 1 : 0);
        if (!isOurs) this.#send(controlFrame(FrameType.ping, 0, payload));
        return;
      }
      default:
        // SETTINGS, GOAWAY and WINDOW_UPDATE ask for nothing that this protocol has.
        return;
    }
  }

  async #accept(payload: Buffer, flags: number): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#reader.read(payload.subarray(10));
    const { onStream } = this.#options;
    if (!onStream || this.#streams.size >= MAX_STREAMS || this.#streams.has(id)) {
      this.#send(controlFrame(FrameType.rstStream, 0, words(id, RST_PROTOCOL_ERROR)));
      return;
    }
    const stream = new SpdyStream(
      id,
      headers,
      (frame) => this.#send(frame),
      () => this.#streams.delete(id),
    );
    this.#streams.set(id, stream);
    this.#send(controlFrame(FrameType.synReply, 0, Buffer.concat([words(id), this.#writer.write(new Map())])));
    if (flags & FLAG_FIN) stream.receiveEnd();
    onStream(stream);
  }
}

/** What is taken from a socket ahead of its use. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/**
 * The data of a socket, taken from it as soon as it comes. A peer that closes while something of ours is under way
 * makes the kernel drop what we have not read by then: with a plain iterator a command's status can be lost.
 */
async function* eagerly(socket: Duplex): AsyncGenerator<Buffer> {
  const queue: Buffer[] = [];
  let queued = 0;
  let ended = socket.destroyed;
  let wake = Promise.withResolvers<void>();
  socket.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    queued += chunk.length;
    if (queued > MAX_QUEUED_BYTES) socket.pause();
    wake.resolve();
  });
  const end = () => {
    ended = true;
    wake.resolve();
  };
  for (const event of ['end', 'close', 'error']) socket.on(event, end);
  while (!ended || queue.length > 0) {
    const chunk = queue.shift();
    if (chunk) {
      queued -= chunk.length;
      if (socket.isPaused()) socket.resume();
      yield chunk;
    } else {
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  }
}

/** One stream: what is written goes to the peer, `end` closes our half. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: Headers;
  readonly #send: (frame: Uint8Array) => boolean;
  readonly #forget: () => void;
  #drained: (() => void) | undefined;
  #reset = false;
  #received = false;

  constructor(id: number, headers: Headers, send: (frame: Uint8Array) => boolean, forget: () => void) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#send = send;
    this.#forget = forget;
    this.on('error', () => undefined); // whoever uses the stream sees its end; an unused one must not bring us down
  }

  /** Takes data of the peer; resolves when there is room for more. */
  receive(data: Uint8Array): Promise<void> | undefined {
    if (this.destroyed || this.push(data)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    return promise;
  }

  receiveEnd(): void {
    if (this.#received || this.destroyed) return;
    this.#received = true;
    this.push(null);
  }

  /**
   * Ends the stream without telling the peer, who knows or is gone. What has come is still to be read: runtimes reset
   * a stream right behind its last data.
   */
  abandon(): void {
    this.#reset = true;
    this.receiveEnd();
    this.end();
    this.#forget();
  }

  override _read(): void {
    this.#drained?.();
    this.#drained = undefined;
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    for (let start = 0; start < chunk.length && !this.#reset; start += MAX_DATA_BYTES)
      this.#send(dataFrame(this.id, chunk.subarray(start, start + MAX_DATA_BYTES), false));
    callback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#reset) this.#send(dataFrame(this.id, Buffer.alloc(0), true));
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // A peer that has said all it had to say may have gone: nothing is sent after it that it does not wait for.
    if (!this.#received && !this.#reset) this.#send(controlFrame(FrameType.rstStream, 0, words(this.id, RST_CANCEL)));
    this.#drained?.();
    this.#forget();
    callback(error);
  }
}
