import { createInflate, type Inflate } from 'node:zlib';
import { headerDictionary } from './dictionary.ts';

/** Types of control frames. Source: SPDY/3 section 2.6. */
export const FrameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const FLAG_FIN = 1;
export const RST_PROTOCOL_ERROR = 1;
export const RST_CANCEL = 5;

const VERSION = 3;
const HEADER_BYTES = 8;
/** What one frame may hold; peers send much less (32 KiB). */
const MAX_FRAME_BYTES = 1024 * 1024;
/** What the header block of one frame may come to. */
const MAX_HEADER_BYTES = 64 * 1024;

export type Headers = ReadonlyMap<string, string>;

export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly data: Uint8Array }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly payload: Buffer };

/** Splits a byte stream into frames; keeps what is left of an unfinished one. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Uint8Array): Iterable<Frame> {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : Buffer.from(chunk);
    while (this.#rest.length >= HEADER_BYTES) {
      const length = this.#rest.readUIntBE(5, 3);
      if (length > MAX_FRAME_BYTES) throw new Error(`SPDY frame of ${length} bytes`);
      if (this.#rest.length < HEADER_BYTES + length) return;
      const head = this.#rest.readUInt32BE(0);
      const flags = this.#rest.readUInt8(4);
      const payload = this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#rest = this.#rest.subarray(HEADER_BYTES + length);
      if (head >>> 31 === 0) {
        yield { kind: 'data', streamId: head, fin: (flags & FLAG_FIN) !== 0, data: payload };
      } else {
        if (((head >>> 16) & 0x7fff) !== VERSION) throw new Error('not SPDY/3');
        yield { kind: 'control', type: head & 0xffff, flags, payload };
      }
    }
  }
}

export function dataFrame(streamId: number, data: Uint8Array, fin: boolean): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt8(fin ? FLAG_FIN : 0, 4);
  head.writeUIntBE(data.byteLength, 5, 3);
  return data.byteLength === 0 ? head : Buffer.concat([head, data]);
}

export function controlFrame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE(((0x8000 | VERSION) * 0x10000 + type) >>> 0, 0);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(payload.byteLength, 5, 3);
  return Buffer.concat([head, payload]);
}

export function words(...values: readonly number[]): Buffer {
  const result = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => result.writeUInt32BE(value >>> 0, index * 4));
  return result;
}

/**
 * Writes header blocks. All blocks of a session are one zlib stream; ours is made of stored blocks only, which needs no
 * compressor and so no waiting: the headers of these protocols are a few dozen bytes.
 */
export class HeaderWriter {
  #begun = false;

  write(headers: Headers): Buffer {
    const parts = [words(headers.size)];
    for (const [name, value] of headers) {
      const key = Buffer.from(name.toLowerCase(), 'latin1');
      const text = Buffer.from(value, 'utf8');
      parts.push(words(key.length), key, words(text.length), text);
    }
    const body = Buffer.concat(parts);
    if (body.length > 0xffff) throw new Error('SPDY headers are too large');
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(body.length, 1);
    stored.writeUInt16LE(~body.length & 0xffff, 3);
    const start = this.#begun ? [] : [Buffer.from([0x78, 0x3f]), words(adler32(headerDictionary))];
    this.#begun = true;
    return Buffer.concat([...start, stored, body, EMPTY_BLOCK]);
  }
}

/** An empty stored block, as a flush writes it: decoders pass on what came before when they meet it. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Names a preset dictionary at the start of a zlib stream. Source: RFC 1950. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return b * 65_536 + a;
}

/** Reads header blocks, in the order in which they came. */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate = createInflate({
    dictionary: headerDictionary,
  });
  #failure: Error | undefined;

  constructor() {
    this.#inflate.on('error', (error) => {
      this.#failure = error;
    });
  }

  async read(block: Uint8Array): Promise<Headers> {
    if (this.#failure) throw this.#failure;
    const pieces: Buffer[] = [];
    let size = 0;
    const collect = (piece: Buffer) => {
      size += piece.length;
      if (size > MAX_HEADER_BYTES) this.#inflate.destroy(new Error('SPDY headers are too large'));
      else pieces.push(piece);
    };
    this.#inflate.on('data', collect);
    const written = Promise.withResolvers<void>();
    // a write that fails within zlib is never called back
    const closed = () => written.reject(this.#failure ?? new Error('SPDY headers were cut off'));
    this.#inflate.once('close', closed);
    this.#inflate.write(block, (error) => (error ? written.reject(error) : written.resolve()));
    try {
      await written.promise;
    } finally {
      this.#inflate.off('data', collect);
      this.#inflate.off('close', closed);
    }
    if (size > MAX_HEADER_BYTES) throw new Error('SPDY headers are too large');
    return parse(Buffer.concat(pieces));
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

function parse(body: Buffer): Headers {
  const headers = new Map<string, string>();
  let offset = 0;
  const text = () => {
    const length = body.readUInt32BE(offset);
    const value = body.toString('utf8', offset + 4, offset + 4 + length);
    offset += 4 + length;
    if (offset > body.length) throw new Error('SPDY headers end in the middle');
    return value;
  };
  const count = body.readUInt32BE(0);
  offset = 4;
  for (let index = 0; index < count; index++) {
    const name = text();
    // Values of one name are joined by NUL.
    headers.set(name.toLowerCase(), text().split('\0')[0] ?? '');
  }
  return headers;
}
