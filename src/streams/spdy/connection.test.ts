import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { SpdyConnection, type SpdyStream } from './connection.ts';
import { FrameReader, HeaderReader, HeaderWriter } from './frames.ts';

async function pair(onStream: (stream: SpdyStream) => void) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = await accepted;
  const serving = new SpdyConnection(peer, Buffer.alloc(0), { role: 'server', onStream });
  const client = new SpdyConnection(socket, Buffer.alloc(0), { role: 'client' });
  return {
    client,
    serving,
    async [Symbol.asyncDispose]() {
      client.close();
      serving.close();
      server.close();
      await once(server, 'close');
    },
  };
}

async function text(stream: SpdyStream): Promise<string> {
  let result = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) result += String(chunk);
  return result;
}

test('spdy: streams carry headers and data both ways, each half closed by itself', async () => {
  const seen: string[] = [];
  await using both = await pair((stream) => {
    seen.push(stream.headers.get('streamtype') ?? '');
    stream.pipe(stream); // an echo
  });
  const long = 'x'.repeat(200_000);
  const first = both.client.open(new Map([['streamType', 'data']]));
  const second = both.client.open(new Map([['streamtype', 'error']]));
  first.end(long);
  second.end('short');
  assert.deepEqual(await Promise.all([text(first), text(second)]), [long, 'short']);
  assert.deepEqual(seen, ['data', 'error']);
});

test('spdy: what a peer sent before it closed is delivered', async () => {
  await using both = await pair((stream) => {
    stream.write('status');
    both.serving.close();
  });
  const stream = both.client.open(new Map([['streamtype', 'error']]));
  assert.equal(await text(stream), 'status');
  await both.client.closed;
});

test('spdy: header blocks of one session are one compressed stream', async () => {
  const writer = new HeaderWriter();
  using reader = new HeaderReader();
  for (const value of ['a', 'b'.repeat(5000), 'ü']) {
    const headers = new Map([
      ['streamtype', value],
      ['port', '80'],
    ]);
    assert.deepEqual(await reader.read(writer.write(headers)), headers);
  }
});

test('spdy: a frame that claims to be huge is refused before it is waited for', () => {
  const frame = Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff]);
  assert.throws(() => [...new FrameReader().read(frame)], /SPDY frame of 16777215 bytes/);
});
