import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { RawClient } from '../support/raw-client.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
/** What a well-behaved client waits at most while others misbehave. */
const PATIENCE_MS = 5_000;

describe('hostile connections', () => {
  let api: TestApiServer;
  let client: RawClient;

  before(async () => {
    api = await startApiServer();
    client = await RawClient.connect(api);
  });

  after(async () => {
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  async function open(): Promise<TLSSocket> {
    const socket = connectTls({ host: '127.0.0.1', port: api.server.port, ca: api.pki.cluster.certificate });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Sends bytes over HTTP/1.1; resolves with all that came until the connection was closed. */
  async function raw(text: string): Promise<string> {
    const socket = await open();
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.write(text);
    await once(socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer;
  }

  async function stillServes(): Promise<void> {
    const answer = await Promise.race([
      client.send({ method: 'GET', path: '/readyz' }),
      sleep(PATIENCE_MS, undefined, { ref: false }),
    ]);
    assert.equal(answer?.code, 200);
  }

  test('nothing but health and version is open to the anonymous', async () => {
    using anonymous = await RawClient.connect(api, { anonymous: true });
    for (const path of [
      '/',
      '/api',
      '/apis',
      '/api/v1',
      '/api/v1/pods',
      '/openapi/v2',
      '/openapi/v3',
      '/metrics',
      '/logs',
      '/debug/pprof',
      '/api/v1/namespaces/kube-system/secrets',
    ]) {
      const { code, status } = await anonymous.send({ method: 'GET', path });
      assert.ok(code === 401 || code === 403, `${path}: ${code}`);
      assert.equal(status.code, code);
    }
    const token = { authorization: 'Bearer a.b.c' };
    assert.equal((await anonymous.send({ method: 'GET', path: '/api', headers: token })).code, 401);
  });

  test('HTTP/1.1 that is none is refused and cut off', async () => {
    const requests = [
      'nonsense\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(100_000)}\r\n\r\n`,
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ];
    for (const request of requests) {
      const [line = ''] = (await raw(request)).split('\r\n');
      assert.match(line, /^HTTP\/1\.1 4\d\d |^$/, request.slice(0, 60));
    }
    await stillServes();
  });

  test('an upgrade that nobody wants is answered as an ordinary request and closed', async () => {
    const answer = await raw(
      'GET /api HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
  });

  test("hundreds of connections that say nothing are in nobody's way", async () => {
    const idle = await Promise.all(Array.from({ length: 200 }, open));
    const slow = await Promise.all(Array.from({ length: 50 }, open));
    for (const socket of slow) socket.write('GET /api HTTP/1.1\r\nX: ');
    await stillServes();
    for (const socket of [...idle, ...slow]) socket.destroy();
  });

  test('streams that are opened and reset at once (CVE-2023-44487)', async () => {
    using hostile = await RawClient.connect(api, { anonymous: true });
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < 100 && !hostile.session.closed && !hostile.session.destroyed; at++) {
        const stream = hostile.session.request({ ':path': '/api/v1/pods' });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
      }
      await stillServes();
    }
  });

  test('headers beyond the limit end their own connection only', async () => {
    using hostile = await RawClient.connect(api);
    await assert.rejects(hostile.send({ method: 'GET', path: '/readyz', headers: { x: 'a'.repeat(100_000) } }));
    await stillServes();
  });

  test('a watch that nobody reads is bounded, and others go on', async () => {
    const watch = (connection: RawClient) =>
      connection.session.request({ ':path': `${CONFIG_MAPS}?watch=1&resourceVersion=${revision}` });
    const big = 'x'.repeat(500_000);
    const body = (count: number) => JSON.stringify({ metadata: { name: 'big' }, data: { big, count: String(count) } });
    const made = await client.send({ method: 'POST', path: CONFIG_MAPS, body: body(0) });
    const { metadata } = made.json as { readonly metadata: { readonly resourceVersion: string } };
    const revision = metadata.resourceVersion;
    using deaf = await RawClient.connect(api);
    const unread = watch(deaf);
    unread.on('error', () => undefined);
    await once(unread, 'response'); // and never reads
    const read = watch(client);
    let bytes = 0;
    read.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const before = process.memoryUsage().external;
    const updates = 40;
    for (let count = 1; count <= updates; count++) {
      assert.equal((await client.send({ method: 'PUT', path: `${CONFIG_MAPS}/big`, body: body(count) })).code, 200);
    }
    for (let waited = 0; bytes < updates * big.length && waited < PATIENCE_MS; waited += 20) await sleep(20);
    assert.ok(bytes >= updates * big.length, `the reader got ${bytes} bytes`);
    const grown = process.memoryUsage().external - before;
    assert.ok(grown < 100_000_000, `external memory grew by ${grown}`);
    read.close();
    await stillServes();
  });
});
