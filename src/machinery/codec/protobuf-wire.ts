/** The wire format of protobuf. Source: protobuf.dev, "Encoding". */

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

/** Bytes that are no protobuf, or pass a limit. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const FIRST_CAPACITY = 1_024;

/** Writes a message from its end to its beginning, so that lengths are known when they are written. */
export class BackwardWriter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #at = FIRST_CAPACITY;

  /** Bytes written so far; the difference of two is the length of what lies between. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(this.#at));
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** A non-negative number below 2^53. */
  varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    const start = this.#claim(size);
    let rest = value;
    for (let at = start; at < start + size - 1; at++) {
      this.#bytes[at] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[start + size - 1] = rest;
  }

  /** An int32 or int64; negative ones take ten bytes. */
  signed(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0) {
      this.varint(value);
      return;
    }
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.raw(Uint8Array.from(bytes));
  }

  double(value: number): void {
    const start = this.#claim(8);
    this.#bytes.writeDoubleLE(value, start);
  }

  raw(bytes: Uint8Array): void {
    const start = this.#claim(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** Text with its length. */
  text(text: string): void {
    const size = Buffer.byteLength(text);
    const start = this.#claim(size);
    this.#bytes.write(text, start, 'utf8');
    this.varint(size);
  }

  #claim(size: number): number {
    if (size > this.#at) {
      const used = this.length;
      const capacity = Math.max(this.#bytes.length * 2, used + size + FIRST_CAPACITY);
      const grown = Buffer.allocUnsafe(capacity);
      this.#bytes.copy(grown, capacity - used, this.#at);
      this.#bytes = grown;
      this.#at = capacity - used;
    }
    this.#at -= size;
    return this.#at;
  }
}

const MAX_VARINT_BYTES = 10;
const MAX_GROUP_DEPTH = 100;

/** Reads a message; every read is checked against the end. Throws ProtobufError. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Number and wire type of the next field. */
  tag(): readonly [number, number] {
    const tag = this.length();
    const number = Math.floor(tag / 8);
    if (number === 0) throw new ProtobufError(`proto: illegal tag ${number} (wire type ${tag})`);
    return [number, tag % 8];
  }

  /** A varint that must be a length or tag. */
  length(): number {
    let value = 0;
    let scale = 1;
    for (let size = 0; size < MAX_VARINT_BYTES; size++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  /** An int64; `bigint` only outside the safe integers. */
  int64(): number | bigint {
    let value = 0n;
    let small = 0;
    for (let size = 0; size < MAX_VARINT_BYTES; size++) {
      const byte = this.#byte();
      if (size < 4) small |= (byte & 0x7f) << (7 * size);
      else value |= BigInt(byte & 0x7f) << BigInt(7 * size);
      if (byte < 0x80) return size < 4 ? small : narrow(BigInt.asIntN(64, value | BigInt(small)));
    }
    throw new ProtobufError('proto: integer overflow');
  }

  int32(): number {
    return Number(BigInt.asIntN(32, BigInt(this.int64())));
  }

  double(): number {
    const bytes = this.#take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    return this.#take(this.length());
  }

  text(): string {
    const size = this.length();
    const start = this.#at;
    this.#take(size);
    return this.#bytes.toString('utf8', start, start + size);
  }

  skip(wire: number, depth = 0): void {
    if (wire === VARINT) this.int64();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === BYTES) this.bytes();
    else if (wire === FIXED32) this.#take(4);
    else if (wire === 3 && depth < MAX_GROUP_DEPTH) this.#skipGroup(depth);
    else throw new ProtobufError(`proto: illegal wireType ${wire}`);
  }

  #skipGroup(depth: number): void {
    for (;;) {
      const [, wire] = this.tag();
      if (wire === 4) return;
      this.skip(wire, depth + 1);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ProtobufError('unexpected EOF');
    return byte;
  }

  #take(size: number): Uint8Array {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new ProtobufError('unexpected EOF');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function narrow(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
