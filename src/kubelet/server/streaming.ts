import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  bridgePorts,
  CHANNEL_PORT_FORWARD,
  SPDY_PORT_FORWARD,
  TUNNELLED_PORT_FORWARD,
  webSocketStream,
} from '#streams/port-forward.ts';
import {
  bridgeRemoteCommand,
  REMOTE_COMMAND_PROTOCOLS,
  type RemoteCommand,
  SPDY_REMOTE_COMMAND,
} from '#streams/remote-command.ts';
import { SpdyConnection } from '#streams/spdy/connection.ts';
import { requestUpgrade, switchingProtocols, tunnel, type Upgraded } from '#streams/upgrade.ts';

/** An upgrade request as it came in. */
export interface Incoming {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** What is asked for: a command's streams, or ports of a pod (named in the query in the older WebSocket form). */
export type Wanted =
  | { readonly kind: 'command'; readonly command: RemoteCommand }
  | { readonly kind: 'ports'; readonly ports: readonly number[] };

const CONNECT_TIMEOUT_MS = 30_000;
/** One message of a client; kubectl sends 32 KiB. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const PROTOCOL_ERROR = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

const commandSockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  handleProtocols: (offered) => REMOTE_COMMAND_PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
});
const portSockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  handleProtocols: (offered) =>
    [TUNNELLED_PORT_FORWARD, CHANNEL_PORT_FORWARD].find((protocol) => offered.has(protocol)) ?? false,
});

/**
 * Serves a streaming request from the runtime's own streaming server at `url`. SPDY clients are joined to it byte by
 * byte; WebSocket clients are translated, since the runtimes' own WebSockets cannot close standard input.
 */
export async function serveStream(incoming: Incoming, url: URL, wanted: Wanted): Promise<void> {
  const isWebSocket = incoming.message.headers.upgrade?.toLowerCase() === 'websocket';
  if (!isWebSocket) return passThrough(incoming, url);
  const protocol = wanted.kind === 'command' ? SPDY_REMOTE_COMMAND : SPDY_PORT_FORWARD;
  const offered = (incoming.message.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  const known: readonly string[] =
    wanted.kind === 'command' ? REMOTE_COMMAND_PROTOCOLS : [TUNNELLED_PORT_FORWARD, CHANNEL_PORT_FORWARD];
  if (!offered.some((one) => known.includes(one))) {
    incoming.socket.end(PROTOCOL_ERROR);
    return;
  }
  const runtime = await upgradeToSpdy(url, protocol);
  const ws = await accept(incoming, wanted.kind === 'command' ? commandSockets : portSockets);
  const connection = () => new SpdyConnection(runtime.socket, runtime.head, { role: 'client' });
  if (wanted.kind === 'command') return bridgeRemoteCommand(ws, connection(), wanted.command);
  if (ws.protocol === CHANNEL_PORT_FORWARD) return bridgePorts(ws, connection(), wanted.ports);
  const client = webSocketStream(ws);
  if (runtime.head.length > 0) client.write(runtime.head);
  return tunnel(client, runtime.socket);
}

function accept({ message, socket, head }: Incoming, server: WebSocketServer): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    server.handleUpgrade(message, socket, head, (ws) => resolve(ws));
  });
}

async function upgradeToSpdy(url: URL, protocol: string): Promise<Upgraded> {
  const answer = await requestUpgrade({
    url,
    method: 'POST',
    headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol },
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  if (answer.kind === 'upgraded') return answer;
  answer.body.destroy();
  throw new Error(`the runtime refuses to stream: status ${answer.status}`);
}

async function passThrough({ message, socket, head }: Incoming, url: URL): Promise<void> {
  const kept = ['connection', 'upgrade', 'x-stream-protocol-version'];
  const headers = Object.fromEntries(
    kept.flatMap((name) => {
      const values = message.headersDistinct[name];
      return values ? [[name, values]] : [];
    }),
  );
  const answer = await requestUpgrade({
    url,
    method: message.method ?? 'POST',
    headers,
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  if (answer.kind === 'refused') {
    answer.body.destroy();
    socket.end(`HTTP/1.1 ${answer.status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    return;
  }
  socket.write(switchingProtocols(answer.headers));
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) answer.socket.write(head);
  await tunnel(socket, answer.socket);
}
