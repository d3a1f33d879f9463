import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { Forwarder, framed } from './forwarder.ts';
import {
  type Answer,
  CLASS_IN,
  parseQuery,
  type Query,
  recordTypes,
  responseCodes,
  udpLimit,
  writeAnswer,
  writeQuery,
} from './message.ts';
import { answerFromZone, type ZoneSource } from './zone.ts';

export interface DnsOptions {
  readonly address: string;
  readonly port: number;
  readonly source: ZoneSource;
  readonly upstreams: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_TCP_CONNECTIONS = 500;
const TCP_IDLE_MS = 10_000;
const MAX_MESSAGE_BYTES = 65_535;
const CLASS_ANY = 255;

/** The cluster's DNS server: answers for the cluster's zone itself and asks others about the rest. */
export class DnsServer implements AsyncDisposable {
  readonly #options: DnsOptions;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #forwarder: Forwarder;
  readonly #connections = new Set<Socket>();
  #turn = 0;

  private constructor(options: DnsOptions) {
    this.#options = options;
    this.#forwarder = new Forwarder(options.upstreams, options.clock);
    this.#udp = createSocket({ type: 'udp4', reuseAddr: false });
    this.#udp.on('message', (message, from) => this.#onDatagram(message, from));
    this.#tcp = createServer((socket) => this.#onConnection(socket));
    this.#tcp.maxConnections = MAX_TCP_CONNECTIONS;
  }

  /** Resolves when both sockets are bound. */
  static async start(options: DnsOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    server.#udp.bind(options.port, options.address);
    await once(server.#udp, 'listening');
    server.#udp.on('error', (error) => options.log.error({ error }, 'dns: socket failed'));
    server.#tcp.listen(server.#udp.address().port, options.address);
    await once(server.#tcp, 'listening');
    return server;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    for (const socket of this.#connections) socket.destroy();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }

  #onDatagram(message: Buffer, from: RemoteInfo): void {
    const query = parseQuery(message);
    if (!query) return;
    const reply = (answer: Buffer) => this.#udp.send(answer, from.port, from.address);
    const own = this.#answer(query);
    if (own && !own.continueAt) {
      reply(writeAnswer(query, own.answer, udpLimit(query)));
      return;
    }
    void this.#resolve(message, query, 'udp').then(reply); // never rejects
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    let received = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const length = received.readUInt16BE(0);
        const message = received.subarray(2, 2 + length);
        received = received.subarray(2 + length);
        const query = parseQuery(message);
        if (!query) return void socket.destroy();
        void this.#resolve(message, query, 'tcp').then((answer) => socket.write(framed(answer))); // never rejects
      }
      if (received.length > MAX_MESSAGE_BYTES + 2) socket.destroy();
    });
  }

  /** What we can say at once; undefined where another server must be asked for all of it. */
  #answer(query: Query): { readonly answer: Answer; readonly continueAt?: string } | undefined {
    if (query.opcode !== 0) return { answer: plain(responseCodes.NOTIMP) };
    if (query.class !== CLASS_IN && query.class !== CLASS_ANY) return { answer: plain(responseCodes.REFUSED) };
    const found = answerFromZone(query.name, query.type, this.#options.source);
    if (!found) return undefined;
    const { answers } = found.answer;
    if (answers.length < 2 || answers[0]?.type === 'CNAME') return found;
    this.#turn = (this.#turn + 1) % answers.length;
    // Another record first each time, so that clients that take the first one spread.
    const rotated = [...answers.slice(this.#turn), ...answers.slice(0, this.#turn)];
    return { ...found, answer: { ...found.answer, answers: rotated } };
  }

  async #resolve(message: Uint8Array, query: Query, protocol: 'udp' | 'tcp'): Promise<Buffer> {
    const limit = protocol === 'udp' ? udpLimit(query) : MAX_MESSAGE_BYTES;
    const own = this.#answer(query);
    if (own?.continueAt !== undefined) return this.#followOutside(query, own.answer, own.continueAt, limit);
    if (own) return writeAnswer(query, own.answer, limit);
    const answer = await this.#forwarder.ask(message, protocol);
    return answer ?? writeAnswer(query, plain(responseCodes.SERVFAIL), limit);
  }

  /** An ExternalName: our CNAME, then the addresses that another server gives for its target. */
  async #followOutside(query: Query, cname: Answer, target: string, limit: number): Promise<Buffer> {
    const next = writeQuery(query.id, target, query.type);
    const answer = await this.#forwarder.ask(next, 'udp');
    const addresses = answer && query.type === recordTypes.A ? addressesIn(answer, next.length) : [];
    const records = addresses.map((address) => ({ type: 'A' as const, name: target, address }));
    return writeAnswer(query, { ...cname, answers: [...cname.answers, ...records] }, limit);
  }
}

function plain(code: Answer['code']): Answer {
  return { code, authoritative: false, answers: [] };
}

/** The A records of an answer whose question ends at `start`. Stops at the first thing it cannot read. */
function addressesIn(answer: Buffer, start: number): readonly string[] {
  const addresses: string[] = [];
  let at = start;
  for (let left = answer.readUInt16BE(6); left > 0; left--) {
    while (at < answer.length && answer.readUInt8(at) !== 0 && answer.readUInt8(at) < 0xc0)
      at += 1 + answer.readUInt8(at);
    at += at < answer.length && answer.readUInt8(at) >= 0xc0 ? 2 : 1;
    if (at + 10 > answer.length) break;
    const length = answer.readUInt16BE(at + 8);
    if (answer.readUInt16BE(at) === recordTypes.A && length === 4 && at + 14 <= answer.length) {
      addresses.push(answer.subarray(at + 10, at + 14).join('.'));
    }
    at += 10 + length;
  }
  return addresses;
}
