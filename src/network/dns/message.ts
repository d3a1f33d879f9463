/**
 * DNS messages on the wire: what a cluster's DNS server reads and writes. Names are compressed. Source: RFC 1035,
 * RFC 2782 (SRV), RFC 6891 (EDNS).
 */

export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const responseCodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type ResponseCode = (typeof responseCodes)[keyof typeof responseCodes];

export type DnsRecord =
  | { readonly type: 'A'; readonly name: string; readonly address: string }
  | { readonly type: 'CNAME'; readonly name: string; readonly target: string }
  | { readonly type: 'PTR'; readonly name: string; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly type: 'TXT'; readonly name: string; readonly text: string }
  | { readonly type: 'NS'; readonly name: string; readonly target: string }
  | { readonly type: 'SOA'; readonly name: string; readonly serial: number };

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly opcode: number;
  /** The name in lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Bytes of the question as it was sent: the answer repeats them, letter case included. */
  readonly question: Uint8Array;
  /** Largest UDP answer that the client takes; undefined where it sent no EDNS. */
  readonly udpSize: number | undefined;
}

export const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
export const CLASS_IN = 1;
/** Answers over UDP are kept below what any path carries in one piece (DNS flag day 2020). */
export const MAX_UDP_BYTES = 1232;
const MIN_UDP_BYTES = 512;

/** Reads a query; undefined for what is no query with one question. Never throws. */
export function parseQuery(message: Uint8Array): Query | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < HEADER_BYTES || (view.getUint8(2) & 0x80) !== 0 || view.getUint16(4) !== 1) return undefined;
  const name = readName(message, HEADER_BYTES);
  if (!name || name.end + 4 > message.length) return undefined;
  return {
    id: view.getUint16(0),
    opcode: (view.getUint8(2) >> 3) & 0xf,
    recursionDesired: (view.getUint8(2) & 1) === 1,
    name: name.text.toLowerCase(),
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
    question: message.subarray(HEADER_BYTES, name.end + 4),
    udpSize: edns(message, view, name.end + 4),
  };
}

/** A query that wants recursion, as `parseQuery` reads it. Labels that are too long are cut. */
export function writeQuery(id: number, name: string, type: number): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(id, 0);
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1').subarray(0, MAX_LABEL_BYTES));
  const question = labels.flatMap((label) => [Buffer.of(label.length), label]);
  return Buffer.concat([header, ...question, Buffer.of(0, type >> 8, type & 0xff, 0, CLASS_IN)]);
}

/** The payload size of an OPT record that directly follows the question (clients put nothing else there). */
function edns(message: Uint8Array, view: DataView, at: number): number | undefined {
  if (view.getUint16(10) === 0 || at + 11 > message.length) return undefined;
  if (view.getUint8(at) !== 0 || view.getUint16(at + 1) !== recordTypes.OPT) return undefined;
  return Math.max(view.getUint16(at + 3), MIN_UDP_BYTES);
}

/** Questions hold no pointers: a name is a chain of labels up to the root. */
function readName(message: Uint8Array, start: number): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > MAX_LABEL_BYTES || at - start > MAX_NAME_BYTES) return undefined;
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    if (at + 1 + length > message.length) return undefined;
    labels.push(Buffer.from(message.buffer, message.byteOffset + at + 1, length).toString('latin1'));
    at += 1 + length;
  }
}

export interface Answer {
  readonly code: ResponseCode;
  /** We are the authority for the name. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority?: readonly DnsRecord[];
  readonly additional?: readonly DnsRecord[];
}

export const TTL_SECONDS = 5;

/** Writes an answer. Over `maxBytes` it is cut after the question and marked as truncated, so that the client asks by TCP. */
export function writeAnswer(query: Query, answer: Answer, maxBytes: number): Buffer {
  const writer = new Writer(query);
  for (const record of answer.answers) writer.record(record);
  for (const record of answer.authority ?? []) writer.record(record);
  for (const record of answer.additional ?? []) writer.record(record);
  const counts = [answer.answers.length, answer.authority?.length ?? 0, answer.additional?.length ?? 0] as const;
  const whole = writer.finish(answer, counts, false);
  if (whole.length <= maxBytes) return whole;
  return new Writer(query).finish(answer, [0, 0, 0], true);
}

/** How much of an answer a client takes over UDP. */
export function udpLimit(query: Query): number {
  return Math.min(query.udpSize ?? MIN_UDP_BYTES, MAX_UDP_BYTES);
}

class Writer {
  readonly #query: Query;
  #buffer = Buffer.allocUnsafe(2048);
  #at = HEADER_BYTES;
  /** Where each suffix of a name stands, for compression. */
  readonly #names = new Map<string, number>();

  constructor(query: Query) {
    this.#query = query;
    this.#names.set(query.name, HEADER_BYTES);
    let offset = HEADER_BYTES;
    const labels = query.name.split('.');
    for (let index = 0; index < labels.length - 1; index++) {
      offset += 1 + (labels[index]?.length ?? 0);
      this.#names.set(labels.slice(index + 1).join('.'), offset);
    }
    this.#reserve(query.question.length);
    this.#buffer.set(query.question, this.#at);
    this.#at += query.question.length;
  }

  record(record: DnsRecord): void {
    this.#name(record.name);
    this.#uint16(recordTypes[record.type]);
    this.#uint16(CLASS_IN);
    this.#uint32(TTL_SECONDS);
    const lengthAt = this.#at;
    this.#uint16(0);
    this.#data(record);
    this.#buffer.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
  }

  finish(answer: Answer, counts: readonly [number, number, number], truncated: boolean): Buffer {
    const withEdns = this.#query.udpSize !== undefined;
    if (withEdns) {
      this.#bytes(Uint8Array.of(0));
      this.#uint16(recordTypes.OPT);
      this.#uint16(MAX_UDP_BYTES);
      this.#uint32(0);
      this.#uint16(0);
    }
    const buffer = this.#buffer;
    buffer.writeUInt16BE(this.#query.id, 0);
    const flags = 0x80 | (this.#query.opcode << 3) | (answer.authoritative ? 4 : 0) | (truncated ? 2 : 0);
    buffer[2] = flags | (this.#query.recursionDesired ? 1 : 0);
    buffer[3] = 0x80 | answer.code;
    buffer.writeUInt16BE(1, 4);
    buffer.writeUInt16BE(counts[0], 6);
    buffer.writeUInt16BE(counts[1], 8);
    buffer.writeUInt16BE(counts[2] + (withEdns ? 1 : 0), 10);
    return buffer.subarray(0, this.#at);
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case 'A':
        this.#bytes(Uint8Array.from(record.address.split('.').map(Number)));
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(record.target);
        return;
      case 'SRV':
        this.#uint16(record.priority);
        this.#uint16(record.weight);
        this.#uint16(record.port);
        this.#name(record.target);
        return;
      case 'TXT': {
        const text = Buffer.from(record.text).subarray(0, 255);
        this.#bytes(Uint8Array.of(text.length));
        this.#bytes(text);
        return;
      }
      case 'SOA':
        this.#name(`ns.dns.${record.name}`);
        this.#name(`hostmaster.${record.name}`);
        this.#uint32(record.serial);
        for (const seconds of [7200, 1800, 86400, TTL_SECONDS]) this.#uint32(seconds);
    }
  }

  #name(name: string): void {
    let rest = name;
    while (rest !== '') {
      const known = this.#names.get(rest);
      if (known !== undefined) {
        this.#uint16(0xc000 | known);
        return;
      }
      if (this.#at < 0x4000) this.#names.set(rest, this.#at);
      const dot = rest.indexOf('.');
      const label = Buffer.from(dot < 0 ? rest : rest.slice(0, dot), 'latin1').subarray(0, MAX_LABEL_BYTES);
      this.#bytes(Uint8Array.of(label.length));
      this.#bytes(label);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.#bytes(Uint8Array.of(0));
  }

  #uint16(value: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16BE(value & 0xffff, this.#at);
  }

  #uint32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32BE(value >>> 0, this.#at);
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}
