import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import { apiServerCredential } from '#pki/identities.ts';
import { openPki, type Pki } from '#pki/pki.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { type Listener, listenForRequests } from './listener.ts';

const OK = (text: string): Answer => ({ status: 200, headers: { 'x-a': 'b' }, body: [Buffer.from(text)] });

describe('listener', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-listener-'));
  let pki: Pki;
  let listener: Listener;
  let cutConnections = false;

  before(async () => {
    pki = await openPki({ directory: folder, clock: systemClock, random: systemRandomness });
    const names = { clusterDomain: 'cluster.local', serviceAddresses: [], hostNames: [], addresses: [] };
    const current = await apiServerCredential(pki, names);
    listener = await listenForRequests({
      listen: { host: '127.0.0.1', port: 0 },
      certificates: { current, subscribe: () => ({ [Symbol.dispose]() {} }) },
      clientCa: [pki.cluster.certificate],
      serve: answer,
      ioClock: {
        ...systemClock,
        after: (delayMs, cut) => systemClock.after(delayMs, () => ((cutConnections = true), cut())),
      },
      log: createLogger('test', 'fatal'),
    });
  });

  after(async () => {
    await listener[Symbol.asyncDispose]();
    assert.equal(cutConnections, false, 'closing waited for connections that are idle');
    rmSync(folder, { recursive: true });
  });

  async function answer(incoming: ApiRequest): Promise<Answer> {
    if (incoming.path === '/echo') {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming.body) chunks.push(chunk);
      return OK(`${incoming.method} ${incoming.query.get('q')} ${Buffer.concat(chunks).toString()}`);
    }
    if (incoming.path !== '/stream') return OK(incoming.path);
    return {
      status: 200,
      headers: {},
      async body(sink) {
        for (const part of ['a', 'b', 'c']) if (!sink.write(Buffer.from(part))) await sink.drained();
      },
    };
  }

  function http1(path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { port } = listener;
      const call = request({
        host: '127.0.0.1',
        port,
        path,
        ca: pki.cluster.certificate,
        method: body ? 'POST' : 'GET',
      });
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve(text));
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  function http2(path: string, body?: string): Promise<string> {
    const session = connect(`https://127.0.0.1:${listener.port}`, { ca: pki.cluster.certificate });
    return new Promise<string>((resolve, reject) => {
      const stream = session.request({ ':path': path, ':method': body ? 'POST' : 'GET' }, { endStream: !body });
      let text = '';
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
      stream.on('end', () => resolve(text));
      stream.on('error', reject);
      if (body) stream.end(body);
    }).finally(() => session.close());
  }

  for (const [name, send] of [
    ['HTTP/1.1', http1],
    ['HTTP/2', http2],
  ] as const) {
    test(`${name}: paths are decoded, bodies and queries arrive`, async () => {
      assert.equal(await send('/a%2Fb'), '/a/b');
      assert.equal(await send('/echo?q=1', 'body'), 'POST 1 body');
    });

    test(`${name}: a streamed body comes in order`, async () => {
      assert.equal(await send('/stream'), 'abc');
    });
  }
});
