import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { HEADER_BYTES } from './message.ts';

/** Questions that may wait for other servers at one time; more are refused. */
const MAX_PENDING = 1_000;
const TRY_MS = 2_000;
const DNS_PORT = 53;
/** resolv.conf(5): no more servers than this are asked. */
const MAX_SERVERS = 3;

/** The name servers of a resolv.conf, without those that would lead back to us. */
export async function readUpstreams(file: string, ownAddress: string): Promise<readonly string[]> {
  if (file === '') return [];
  const text = await readFile(file, 'utf8').catch(() => '');
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map((match) => match[1] ?? '')
    .filter((address) => address !== '' && address !== ownAddress)
    .slice(0, MAX_SERVERS);
}

/** Passes questions about names outside the cluster on, byte by byte, under an id of its own. */
export class Forwarder {
  readonly #upstreams: readonly string[];
  readonly #clock: Clock;
  #pending = 0;

  constructor(upstreams: readonly string[], clock: Clock) {
    this.#upstreams = upstreams;
    this.#clock = clock;
  }

  /** The answer of the first server that gives one, with the id of the question; undefined where none does. */
  async ask(message: Uint8Array, protocol: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (this.#pending >= MAX_PENDING) return undefined;
    this.#pending++;
    try {
      for (const server of this.#upstreams) {
        const answer = protocol === 'udp' ? await this.#askUdp(message, server) : await this.#askTcp(message, server);
        if (answer) return answer;
      }
      return undefined;
    } finally {
      this.#pending--;
    }
  }

  /** A socket, and so a port, of its own for each question makes forged answers unlikely (RFC 5452). */
  #askUdp(message: Uint8Array, server: string): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
      const end = (answer: Buffer | undefined) => {
        timer[Symbol.dispose]();
        socket.close();
        resolve(answer);
      };
      const timer = this.#clock.after(TRY_MS, () => end(undefined));
      socket.once('error', () => end(undefined));
      socket.connect(DNS_PORT, server, () => socket.send(message));
      socket.on('message', (answer) => {
        if (answer.length >= HEADER_BYTES && answer[0] === message[0] && answer[1] === message[1]) end(answer);
      });
    });
  }

  #askTcp(message: Uint8Array, server: string): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = connect(DNS_PORT, server);
      const received: Buffer[] = [];
      const end = (answer: Buffer | undefined) => {
        timer[Symbol.dispose]();
        socket.destroy();
        resolve(answer);
      };
      const timer = this.#clock.after(TRY_MS, () => end(undefined));
      socket.once('error', () => end(undefined));
      socket.once('close', () => end(undefined));
      socket.write(framed(message));
      socket.on('data', (data: Buffer) => {
        received.push(data);
        const all = Buffer.concat(received);
        if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) end(all.subarray(2, 2 + all.readUInt16BE(0)));
      });
    });
  }
}

/** A message as TCP carries it: after its length. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(message.length + 2);
  frame.writeUInt16BE(message.length, 0);
  frame.set(message, 2);
  return frame;
}
