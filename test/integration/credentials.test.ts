import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { frontProxyCredential } from '#pki/identities.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { startTestControllers } from '../support/controllers.ts';

const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const TRIES = 100;
const PAUSE_MS = 50;

let api: TestApiServer;
let controllers: AsyncDisposable;
let client: Client;

before(async () => {
  api = await startApiServer();
  controllers = startTestControllers(api, ['serviceaccount-token-controller']);
  client = createClient(api.server.inProcess({ name: 'admin', groups: ['system:masters'] }), { userAgent: 'test' });
});

after(async () => {
  await controllers[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

interface Review {
  readonly status?: { readonly userInfo?: { readonly username?: string; readonly groups?: readonly string[] } };
}

/** Who the server takes somebody for. */
function whoAmI(
  headers: Readonly<Record<string, string>>,
  tls: { readonly cert?: string; readonly key?: string } = {},
): Promise<{ readonly code: number | undefined; readonly review: Review }> {
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | undefined; review: Review }>();
  const call = request(
    {
      ...tls,
      ca: api.pki.cluster.certificate,
      host: '127.0.0.1',
      port: api.server.port,
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      agent: false,
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ code: response.statusCode, review: JSON.parse(Buffer.concat(chunks).toString()) as Review }),
      );
    },
  );
  call.on('error', reject);
  call.end(body);
  return promise;
}

/** Waits until `find` finds something. */
async function found<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const result = await find();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return assert.fail(`${what} never came`);
}

test('a proxy with a certificate of its authority says who asks; without one its headers are nothing', async () => {
  const { certificate: cert, key } = await frontProxyCredential(api.pki);
  const headers = { 'x-remote-user': 'jane', 'x-remote-group': 'builders' };
  const { code, review } = await whoAmI(headers, { cert, key });
  assert.equal(code, 201);
  assert.equal(review.status?.userInfo?.username, 'jane');
  assert.deepEqual(review.status?.userInfo?.groups, ['builders', 'system:authenticated']);
  assert.equal((await whoAmI(headers)).code, 401);
  assert.equal((await whoAmI({}, { cert, key })).code, 401);
});

test('a token in a Secret is good as long as the Secret, and its use is noted there', async () => {
  const at = { namespace: 'default', name: 'kept' };
  await client.create(serviceAccount, { metadata: { namespace: 'default', name: 'app' } });
  const annotations = { 'kubernetes.io/service-account.name': 'app' };
  await client.create(secret, { metadata: { ...at, annotations }, type: 'kubernetes.io/service-account-token' });
  const token = await found('the token', async () => (await client.get(secret, 'kept', 'default')).data?.['token']);
  const headers = { authorization: `Bearer ${Buffer.from(token, 'base64').toString()}` };
  const { review } = await whoAmI(headers);
  assert.equal(review.status?.userInfo?.username, 'system:serviceaccount:default:app');
  const day = await found(
    'the label',
    async () => (await client.get(secret, 'kept', 'default')).metadata.labels?.[LAST_USED],
  );
  assert.match(day, /^\d{4}-\d{2}-\d{2}$/);
  await client.delete(secret, 'kept', 'default');
  assert.equal((await whoAmI(headers)).code, 401);
});
