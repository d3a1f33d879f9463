import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { SpdyConnection } from './spdy/connection.ts';

/** The protocol of port-forward over SPDY, and the same bytes inside the messages of a WebSocket. Source: KEP-4006. */
export const SPDY_PORT_FORWARD = 'portforward.k8s.io';
export const TUNNELLED_PORT_FORWARD = 'SPDY/3.1+portforward.k8s.io';
/** The older form: the ports are in the query, each with a channel for data and one for errors. */
export const CHANNEL_PORT_FORWARD = 'v4.channel.k8s.io';

/** A WebSocket as a byte stream: each message is some bytes, their borders mean nothing. */
export function webSocketStream(ws: WebSocket): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => ws.resume(),
    write: (chunk: Buffer, _encoding, callback) => {
      if (ws.readyState === ws.OPEN) ws.send(chunk, callback);
      else callback();
    },
    final: (callback) => {
      ws.close(1000);
      callback();
    },
    destroy: (error, callback) => {
      ws.close(error ? 1011 : 1000);
      callback(error);
    },
  });
  ws.on('message', (data: Buffer) => {
    if (!stream.push(data)) ws.pause();
  });
  ws.on('close', () => {
    stream.push(null);
    stream.end();
  });
  ws.on('error', (error) => stream.destroy(error));
  return stream;
}

/** Carries the channels of the older form: 2n is the data of the n-th port, 2n+1 its errors; each starts with its port. */
export function bridgePorts(ws: WebSocket, spdy: SpdyConnection, ports: readonly number[]): Promise<void> {
  const streams = ports.map((port, index) => {
    const headers = (streamtype: string) =>
      new Map([
        ['streamtype', streamtype],
        ['port', String(port)],
        ['requestid', String(index)],
      ]);
    const error = spdy.open(headers('error'));
    error.end();
    const data = spdy.open(headers('data'));
    const opening = Buffer.alloc(2);
    opening.writeUInt16LE(port);
    for (const [offset, stream] of [data, error].entries()) {
      const channel = Buffer.from([index * 2 + offset]);
      ws.send(Buffer.concat([channel, opening]));
      stream.on('data', (chunk: Buffer) => {
        if (ws.readyState === ws.OPEN) ws.send(Buffer.concat([channel, chunk]));
      });
    }
    return data;
  });
  ws.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0;
    if (channel % 2 === 0) streams[channel / 2]?.write(message.subarray(1));
  });
  ws.on('close', () => spdy.close());
  ws.on('error', () => spdy.close());
  return spdy.closed.finally(() => ws.close(1000));
}
