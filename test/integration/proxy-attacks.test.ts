import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createClient } from '#client/create-client.ts';
import type { Client } from '#client/client.ts';
import { adminCredential } from '#pki/identities.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { RawClient } from '../support/raw-client.ts';

const PODS = '/api/v1/namespaces/default/pods';
const MERGE = { 'content-type': 'application/merge-patch+json' };
/** An address of this machine that is not loopback: what a pod's address looks like. */
const own = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

describe('proxies', { skip: own === undefined && 'this machine has no address but loopback' }, () => {
  let api: TestApiServer;
  let admin: Client;
  let client: RawClient;
  let backend: Server;
  /** What has reached the backend, by URL. */
  const seen: IncomingMessage[] = [];

  before(async () => {
    api = await startApiServer();
    client = await RawClient.connect(api);
    admin = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
    await admin.create(serviceAccount, { metadata: { name: 'default', namespace: 'default' } });
    backend = createServer((message, response) => {
      seen.push(message);
      if (message.url?.startsWith('/away')) response.writeHead(302, { location: 'http://elsewhere.invalid/x' });
      if (message.url?.startsWith('/within')) response.writeHead(307, { location: '/deeper?a=b' });
      response.end('backend');
    });
    backend.listen(0, own);
    await once(backend, 'listening');
    await makePod('web', own ?? '', portOf(backend));
    await makePod('proxy', own ?? '', portOf(backend));
  });

  after(async () => {
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
    backend.closeAllConnections();
    backend.close();
  });

  const portOf = (server: Server) => (server.address() as AddressInfo).port;

  async function makePod(name: string, address: string, port: number): Promise<void> {
    const containers = [{ name: 'c', image: 'i', ports: [{ containerPort: port }] }];
    await admin.create(pod, { metadata: { name, namespace: 'default' }, spec: { containers } });
    const body = JSON.stringify({ status: { podIP: address, podIPs: [{ ip: address }] } });
    const answer = await client.send({ method: 'PATCH', path: `${PODS}/${name}/status`, body, headers: MERGE });
    assert.equal(answer.code, 200, answer.bytes.toString());
  }

  async function makeNode(name: string, address: string, port: number): Promise<void> {
    await admin.create(node, { metadata: { name } });
    const status = {
      addresses: [{ type: 'InternalIP', address }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    };
    const path = `/api/v1/nodes/${name}/status`;
    const answer = await client.send({ method: 'PATCH', path, body: JSON.stringify({ status }), headers: MERGE });
    assert.equal(answer.code, 200, answer.bytes.toString());
  }

  const get = (path: string, headers = {}) => client.send({ method: 'GET', path, headers });

  /** Sends bytes on a connection of their own; resolves with all that came until it was closed. */
  async function raw(text: string): Promise<string> {
    const { certificate, key } = await adminCredential(api.pki);
    const socket = connectTls({
      host: '127.0.0.1',
      port: api.server.port,
      ca: api.pki.cluster.certificate,
      cert: certificate,
      key,
    });
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return answer;
  }

  const hello = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

  test('a path reaches the pod as it is, whatever pods are called', async () => {
    seen.length = 0;
    for (const path of ['web/proxy/a%2Fb/../c?x=1', 'proxy/proxy/proxy/d', 'web/proxy']) {
      assert.equal((await get(`${PODS}/${path}`)).bytes.toString(), 'backend', path);
    }
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/c?x=1', '/proxy/d', '/'],
    );
  });

  test('a path cannot choose the host (SSRF)', async () => {
    const other = createServer((_message, response) => response.end('another'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const host = `127.0.0.1:${portOf(other)}`;
    for (const path of [`\\${host}/x`, `\\\\${host}/x`, `%5C${host}/x`, `@${host}/x`, `http://${host}/x`]) {
      const answer = await raw(hello(`${PODS}/web/proxy/${path}`, 'Connection: close\r\n'));
      assert.doesNotMatch(answer, /another/, path);
    }
    other.close();
  });

  test('credentials stay here (CVE-2022-3172) and redirects are not followed (CVE-2018-1002102)', async () => {
    seen.length = 0;
    const secrets = {
      authorization: 'Bearer secret',
      cookie: 'a=b',
      'x-remote-user': 'admin',
      'x-remote-group': 'system:masters',
    };
    const away = await get(`${PODS}/web/proxy/away`, {
      cookie: secrets.cookie,
      'x-remote-user': 'admin',
      'x-remote-group': 'system:masters',
    });
    assert.equal(away.code, 302);
    const headers = Object.keys(seen[0]?.headers ?? {});
    for (const name of Object.keys(secrets)) assert.ok(!headers.includes(name), name);
    assert.equal(seen.length, 1);
    assert.equal((await get(`${PODS}/web/proxy/within`)).code, 307);
  });

  test('an upgrade that is refused ends the connection (CVE-2018-1002105)', async () => {
    seen.length = 0;
    const upgrade = hello(`${PODS}/web/proxy/first`, 'Connection: Upgrade\r\nUpgrade: websocket\r\n');
    const answer = await raw(upgrade + hello('/second'));
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/first'],
    );
  });

  test('nothing is passed on to what only this machine may reach (CVE-2022-3294)', async () => {
    const addresses = ['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '0.0.0.0'];
    for (const [index, address] of addresses.entries()) {
      await makeNode(`node${index}`, address, api.server.port);
      for (const path of [`node${index}/proxy/api`, `node${index}:${api.server.port}/proxy/api`]) {
        const answer = await get(`/api/v1/nodes/${path}`);
        assert.deepEqual([answer.code, answer.status.message], [400, 'address not allowed'], address);
      }
    }
    await makePod('loop', '127.0.0.1', portOf(backend));
    const answer = await get(`${PODS}/loop/proxy/`);
    assert.deepEqual([answer.code, answer.status.message], [400, 'address not allowed']);
  });

  test('endpoints that are names are not resolved', async () => {
    const made = async (path: string, body: object) => {
      const answer = await client.send({ method: 'POST', path, body: JSON.stringify(body) });
      assert.equal(answer.code, 201, answer.bytes.toString());
    };
    const ports = [{ port: portOf(backend) }];
    await made('/api/v1/namespaces/default/services', { metadata: { name: 'named' }, spec: { ports } });
    const metadata = { name: 'named', labels: { 'kubernetes.io/service-name': 'named' } };
    const slice = {
      metadata,
      addressType: 'FQDN',
      ports: [{ ...ports[0], name: '' }],
      endpoints: [{ addresses: ['localhost.localdomain'] }],
    };
    await made('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice);
    const answer = await get('/api/v1/namespaces/default/services/named/proxy/');
    assert.deepEqual([answer.code, answer.status.message], [400, 'address not allowed']);
  });
});
