import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { readBody, readLines } from './body.ts';
import { createClient } from './create-client.ts';
import { connectPort, directTransport } from './in-process.ts';
import { decodeJson, encodeJson } from './json.ts';
import {
  emptyKubeconfig,
  parseKubeconfig,
  readKubeconfig,
  updateKubeconfig,
  withContext,
  withoutContext,
} from './kubeconfig.ts';
import type { ClientFrame, ServerFrame } from './port-protocol.ts';

const pod: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

test('watch lines: events may be cut anywhere', async () => {
  const lines: string[] = [];
  for await (const batch of readLines(pieces('{"a"', ':1}\n{"b":2}\n{', '"c":3}\n'))) {
    lines.push(...batch.map((line) => Buffer.from(line).toString()));
  }
  assert.deepEqual(lines, ['{"a":1}', '{"b":2}', '{"c":3}']);
});

test('json: integers beyond 2^53 survive both ways', () => {
  const text = '{"a":9007199254740993,"b":1.5,"c":"1234567890123456789"}';
  const value = decodeJson(Buffer.from(text));
  assert.deepEqual(value, { a: 9007199254740993n, b: 1.5, c: '1234567890123456789' });
  assert.equal(Buffer.from(encodeJson(value)).toString(), text);
});

test('client: an error answer becomes a StatusError; a refusal with Retry-After is repeated', async () => {
  let calls = 0;
  const client = createClient(
    directTransport(
      async () => {
        calls++;
        return calls === 1
          ? { status: 429, headers: { 'retry-after': '0' }, body: pieces('') }
          : {
              status: 404,
              headers: {},
              body: pieces('{"kind":"Status","reason":"NotFound","code":404,"message":"pods \\"x\\" not found"}'),
            };
      },
      { name: 'test', groups: [] },
    ),
  );
  await assert.rejects(client.get(pod, 'x', 'default'), { name: 'StatusError', message: 'pods "x" not found' });
  assert.equal(calls, 2);
});

test('port: a response is streamed with credit and can be cancelled', async () => {
  const { port1, port2 } = new MessageChannel();
  const frames: ClientFrame[] = [];
  port2.on('message', (batch: readonly ClientFrame[]) => {
    for (const frame of batch) {
      frames.push(frame);
      if (frame.type !== 'request') continue;
      const { id } = frame;
      const bytes = new Uint8Array(300_000);
      const answer: ServerFrame[] = [
        { type: 'head', id, status: 200, headers: {} },
        { type: 'data', id, bytes },
      ];
      if (frame.path === '/short') answer.push({ type: 'end', id });
      port2.postMessage(answer);
    }
  });
  using connection = connectPort(port1);
  const transport = connection.as({ name: 'tester', groups: [] });
  const response = await transport.request({ method: 'GET', path: '/short', headers: {} });
  assert.equal((await readBody(response)).byteLength, 300_000);

  const controller = new AbortController();
  const endless = await transport.request({ method: 'GET', path: '/endless', headers: {}, signal: controller.signal });
  await assert.rejects(async () => {
    for await (const _ of endless.body) controller.abort(new Error('enough'));
  }, /enough/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    frames.map((frame) => frame.type),
    ['request', 'request', 'credit', 'cancel'],
  );
  assert.equal(frames[0]?.type === 'request' && frames[0].user.name, 'tester');
});

test('kubeconfig: contexts come and go without touching others; the file is private', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dhow-kubeconfig-'));
  const file = join(folder, 'sub', 'config');
  const mine = { name: 'dhow', cluster: { server: 'https://127.0.0.1:6443' }, user: { token: 't' } };
  try {
    await updateKubeconfig(file, (config) => withContext(config, { ...mine, name: 'other' }, true));
    await updateKubeconfig(file, (config) => withContext(config, mine, true));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await updateKubeconfig(file, (config) => withoutContext(config, 'dhow'));
    const left = await readKubeconfig(file);
    assert.deepEqual(
      left?.contexts.map(({ name }) => name),
      ['other'],
    );
    assert.deepEqual(
      left?.users.map(({ name }) => name),
      ['other'],
    );
    assert.equal(left?.['current-context'], '');
    assert.match(await readFile(file, 'utf8'), /^apiVersion: v1/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('kubeconfig: a corrupt file is named, not half-read', () => {
  assert.throws(() => parseKubeconfig('clusters: 7', '/x/config'), /\/x\/config is corrupt: clusters is not a list/);
  assert.throws(() => parseKubeconfig('a: [', '/x/config'), /not valid YAML/);
  assert.deepEqual(parseKubeconfig('', '/x/config'), emptyKubeconfig);
});
