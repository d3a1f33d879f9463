import type { WebSocket } from 'ws';
import type { SpdyConnection, SpdyStream } from './spdy/connection.ts';

/** Protocols of exec and attach over WebSocket, newest first. Version 5 can close standard input. Source: KEP-4006. */
export const REMOTE_COMMAND_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'] as const;

/** The protocol of exec and attach over SPDY that every runtime speaks. */
export const SPDY_REMOTE_COMMAND = 'v4.channel.k8s.io';

/** First byte of each message. */
const Channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Which streams there are. */
export interface RemoteCommand {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** While more than this waits for a slow client nothing is read for it. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Carries a remote command between a client on a WebSocket and a runtime on SPDY, until the command has ended and its
 * status is delivered or either side is gone.
 */
export async function bridgeRemoteCommand(ws: WebSocket, spdy: SpdyConnection, command: RemoteCommand): Promise<void> {
  const framing = ws.protocol.includes('base64') ? base64Framing : binaryFraming;
  const open = (streamtype: string) => spdy.open(new Map([['streamtype', streamtype]]));
  const error = open('error');
  const stdin = command.stdin ? open('stdin') : undefined;
  const stdout = command.stdout ? open('stdout') : undefined;
  const stderr = command.stderr && !command.tty ? open('stderr') : undefined;
  const resize = command.tty ? open('resize') : undefined;
  stdin?.resume();
  resize?.resume();
  ws.on('message', (data: Buffer) => takeMessage(framing.decode(data), { stdin, resize }, ws));
  ws.on('close', () => spdy.close());
  ws.on('error', () => spdy.close());
  // An empty message tells the client that the streams are there.
  ws.send(framing.encode(stdout ? Channel.stdout : stderr ? Channel.stderr : Channel.error, Buffer.alloc(0)));
  const output = [forward(stdout, Channel.stdout, ws, framing), forward(stderr, Channel.stderr, ws, framing)];
  const status = await collect(error);
  await Promise.all(output);
  if (status.length > 0) ws.send(framing.encode(Channel.error, status));
  ws.close(1000);
  spdy.close();
}

interface Framing {
  encode(channel: number, data: Uint8Array): Uint8Array | string;
  decode(message: Buffer): { readonly channel: number; readonly data: Buffer };
}

const binaryFraming: Framing = {
  encode: (channel, data) => Buffer.concat([Buffer.from([channel]), data]),
  decode: (message) => ({ channel: message[0] ?? -1, data: message.subarray(1) }),
};

/** For clients that can send only text: the channel is a digit, the rest base64. */
const base64Framing: Framing = {
  encode: (channel, data) => `${channel}${Buffer.from(data).toString('base64')}`,
  decode: (message) => ({
    channel: Number(String.fromCharCode(message[0] ?? 0)),
    data: Buffer.from(message.toString('latin1', 1), 'base64'),
  }),
};

function takeMessage(
  { channel, data }: { readonly channel: number; readonly data: Buffer },
  { stdin, resize }: { readonly stdin: SpdyStream | undefined; readonly resize: SpdyStream | undefined },
  ws: WebSocket,
): void {
  if (channel === Channel.close && data[0] === Channel.stdin) stdin?.end();
  else if (channel === Channel.resize) resize?.write(data);
  else if (channel === Channel.stdin && stdin?.writable && !stdin.write(data)) {
    ws.pause();
    stdin.once('drain', () => ws.resume());
  }
}

async function forward(
  stream: SpdyStream | undefined,
  channel: number,
  ws: WebSocket,
  framing: Framing,
): Promise<void> {
  if (!stream) return;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (ws.readyState !== ws.OPEN) return;
      const sent = new Promise<void>((resolve) => ws.send(framing.encode(channel, chunk), () => resolve()));
      if (ws.bufferedAmount > MAX_WAITING_BYTES) await sent;
    }
  } catch {
    // The runtime is gone: the error stream, or its end, says so.
  }
}

async function collect(stream: SpdyStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) pieces.push(chunk);
  } catch {
    // Cut off: what has come is all there is.
  }
  return Buffer.concat(pieces);
}
