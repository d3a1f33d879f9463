import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import { systemClock } from '#base/clock.ts';
import { systemRandomness } from '#base/random.ts';
import type { KubeObject } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import type { ServiceAccount } from '#machinery/types/core-v1.ts';
import { adminCredential, frontProxyCredential, nodeServingCredential } from '#pki/identities.ts';
import { openPki } from '#pki/pki.ts';
import { fixedListers } from '../fixed-listers.ts';
import { createAuthentication } from './authentication.ts';
import { claimsFor } from './service-account-claims.ts';
import { tokenSigner } from './token-signer.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const START = Date.UTC(2026, 10, 21);
const HOUR_S = 3600;

const account = object('ServiceAccount', 'app', 'sa-1') as ServiceAccount;
const pod = object('Pod', 'p', 'pod-1');
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signer = tokenSigner({ issuer: ISSUER, privateKey, publicKey, random: systemRandomness });

function object(kind: string, name: string, uid: string, more: object = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop', uid }, ...more };
}

function setUp(objects: KubeObject[], clientCa?: X509Certificate, frontProxyCa?: X509Certificate) {
  let now = START;
  const noted: string[] = [];
  const clock = { ...systemClock, now: () => now };
  const authentication = createAuthentication({
    clientCa: clientCa as X509Certificate,
    frontProxyCa: frontProxyCa as X509Certificate,
    issuer: ISSUER,
    tokenPublicKey: publicKey,
    audiences: [ISSUER],
    listers: fixedListers(objects),
    clock,
    legacyTokenUsed: ({ metadata }, day) => void noted.push(`${metadata.name} ${day}`),
  });
  return { ...authentication, noted, advance: (ms: number) => (now += ms) };
}

async function issue(bound: Omit<Parameters<typeof claimsFor>[0], 'account'> = {}, audiences = [ISSUER]) {
  const issuedAt = START / 1000;
  const { token } = await signer.sign({
    subject: 'system:serviceaccount:shop:app',
    audiences,
    issuedAt,
    expiresAt: issuedAt + HOUR_S,
    claims: claimsFor({ account, ...bound }),
  });
  return token;
}

function bearer(token: string) {
  return { authorization: `Bearer ${token}`, clientCertificate: undefined };
}

async function refused(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof StatusError && error.code === 401);
}

test('tokens: a service account is its user, its groups and its uid', async () => {
  const { requests } = setUp([account, pod]);
  const token = await issue({ pod: pod as never, node: { metadata: { name: 'n1', uid: 'node-1' } } });
  const user = await requests.authenticate(bearer(token));
  assert.equal(user?.name, 'system:serviceaccount:shop:app');
  assert.equal(user?.uid, 'sa-1');
  assert.deepEqual(user?.groups, ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated']);
  const { 'authentication.kubernetes.io/credential-id': credential, ...extra } = user?.extra ?? {};
  assert.match(credential?.[0] ?? '', /^JTI=[0-9a-f-]{36}$/);
  assert.deepEqual(extra, {
    'authentication.kubernetes.io/pod-name': ['p'],
    'authentication.kubernetes.io/pod-uid': ['pod-1'],
    'authentication.kubernetes.io/node-name': ['n1'],
    'authentication.kubernetes.io/node-uid': ['node-1'],
  });
});

test('tokens: one dies with its pod, with its account and when either is made anew, though it was verified before', async () => {
  const objects = [account, pod];
  const { requests } = setUp(objects);
  const token = await issue({ pod: pod as never });
  assert.ok(await requests.authenticate(bearer(token)));
  objects.splice(1, 1);
  await refused(requests.authenticate(bearer(token)));
  objects[1] = object('Pod', 'p', 'pod-2');
  await refused(requests.authenticate(bearer(token)));
  objects.splice(0, 2, pod, object('ServiceAccount', 'app', 'sa-2'));
  await refused(requests.authenticate(bearer(token)));
  objects.splice(0, 2, pod, account);
  assert.ok(await requests.authenticate(bearer(token)));
});

test('tokens: times and audiences are checked each time', async () => {
  const { requests, tokens, advance } = setUp([account]);
  const token = await issue();
  assert.ok(await requests.authenticate(bearer(token)));
  await refused(requests.authenticate(bearer(await issue({}, ['vault']))));
  const both = await tokens.authenticateToken(await issue({}, ['vault', 'other']), ['x', 'vault', 'other']);
  assert.deepEqual(both?.audiences, ['other', 'vault']);
  advance((HOUR_S + 61) * 1000);
  await refused(requests.authenticate(bearer(token)));
});

test('tokens: another key, another algorithm, none at all, another subject or issuer', async () => {
  const { requests } = setUp([account]);
  const claims = { 'kubernetes.io': claimsFor({ account }) };
  const now = START / 1000;
  const build = (issuer = ISSUER, subject = 'system:serviceaccount:shop:app') =>
    new SignJWT(claims)
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(ISSUER)
      .setIssuedAt(now)
      .setExpirationTime(now + HOUR_S);
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
  const good = await build().setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
  const bad = [
    await build().setProtectedHeader({ alg: 'RS256' }).sign(stranger.privateKey),
    await build().setProtectedHeader({ alg: 'HS256' }).sign(secret),
    await build().setProtectedHeader({ alg: 'RS512' }).sign(privateKey),
    await build('https://elsewhere').setProtectedHeader({ alg: 'RS256' }).sign(privateKey),
    await build(ISSUER, 'system:serviceaccount:kube-system:admin')
      .setProtectedHeader({ alg: 'RS256' })
      .sign(privateKey),
    unsigned,
    'x',
    'a.b.c',
    'x'.repeat(20_000),
  ];
  assert.ok(await requests.authenticate(bearer(good)));
  for (const token of bad) await refused(requests.authenticate(bearer(token)));
});

test('tokens: WebSocket clients may send one as a subprotocol beside another', async () => {
  const { requests } = setUp([account]);
  const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(await issue()).toString('base64url')}`;
  const ask = (webSocketProtocols: string[]) =>
    requests.authenticate({ authorization: undefined, clientCertificate: undefined, webSocketProtocols });
  assert.equal((await ask([protocol, 'v5.channel.k8s.io']))?.name, 'system:serviceaccount:shop:app');
  assert.equal(await ask(['v5.channel.k8s.io']), undefined);
  await refused(ask([protocol]));
  await refused(ask([protocol, protocol, 'v5.channel.k8s.io']));
});

test('bootstrap tokens: usage, expiration and groups', async () => {
  const token = (id: string, more: Record<string, string>) => {
    const data = {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      ...more,
    };
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const secret = object('Secret', `bootstrap-token-${id}`, id, {
      type: 'bootstrap.kubernetes.io/token',
      data: Object.fromEntries(encoded),
    });
    return { ...secret, metadata: { ...secret.metadata, namespace: 'kube-system' } };
  };
  const { requests } = setUp([
    token('good00', { 'auth-extra-groups': 'system:bootstrappers:b,system:bootstrappers:a' }),
    token('past00', { expiration: '2026-01-01T00:00:00Z' }),
    token('never0', { 'usage-bootstrap-authentication': 'false' }),
    token('group0', { 'auth-extra-groups': 'system:masters' }),
  ]);
  assert.deepEqual(await requests.authenticate(bearer('good00.0123456789abcdef')), {
    name: 'system:bootstrap:good00',
    groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b', 'system:authenticated'],
  });
  for (const id of ['past00', 'never0', 'group0', 'absent'])
    await refused(requests.authenticate(bearer(`${id}.0123456789abcdef`)));
  await refused(requests.authenticate(bearer('good00.0123456789abcdeg')));
});

test('certificates: of the client authority and for clients only', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'authentication-'));
  context.after(() => rm(directory, { recursive: true }));
  const clock = { ...systemClock, now: () => START };
  const pki = await openPki({ directory, clock, random: systemRandomness });
  const { requests, advance } = setUp([], pki.cluster.x509);
  const ask = ({ certificate }: { certificate: string }) =>
    requests.authenticate({ authorization: undefined, clientCertificate: new X509Certificate(certificate).raw });
  const admin = await adminCredential(pki);
  const user = await ask(admin);
  assert.equal(user?.name, 'kubernetes-admin');
  assert.deepEqual(user?.groups, ['system:masters', 'system:authenticated']);
  assert.match(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^X509SHA256=[0-9a-f]{64}$/);
  await refused(ask(await frontProxyCredential(pki)));
  await refused(ask(await nodeServingCredential(pki, 'n1', { hostNames: [], addresses: [] })));
  advance(366 * 24 * HOUR_S * 1000);
  await refused(ask(admin));
});

test('legacy tokens: good while the Secret holds them and the account is the same, and their use is noted', async () => {
  const token = await new SignJWT({
    'kubernetes.io/serviceaccount/namespace': 'shop',
    'kubernetes.io/serviceaccount/secret.name': 'kept',
    'kubernetes.io/serviceaccount/service-account.name': 'app',
    'kubernetes.io/serviceaccount/service-account.uid': 'sa-1',
  })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer('kubernetes/serviceaccount')
    .setSubject('system:serviceaccount:shop:app')
    .sign(privateKey);
  const holder = object('Secret', 'kept', 's-1', { data: { token: Buffer.from(token).toString('base64') } });
  const objects = [account, holder];
  const { requests, tokens, noted } = setUp(objects);
  const user = await requests.authenticate(bearer(token));
  assert.equal(user?.name, 'system:serviceaccount:shop:app');
  assert.equal(user?.uid, 'sa-1');
  assert.deepEqual(noted, ['kept 2026-11-21']);
  assert.deepEqual((await tokens.authenticateToken(token, ['anything']))?.audiences, ['anything']);
  objects[1] = object('Secret', 'kept', 's-1', { data: { token: 'b3RoZXI=' } });
  await refused(requests.authenticate(bearer(token)));
  objects[1] = {
    ...holder,
    metadata: { ...holder.metadata, labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } },
  };
  await refused(requests.authenticate(bearer(token)));
  objects.splice(0, 2, object('ServiceAccount', 'app', 'sa-2'), holder);
  await refused(requests.authenticate(bearer(token)));
  objects.splice(0, 2, account);
  await refused(requests.authenticate(bearer(token)));
});

test('request headers: a proxy with a certificate of its authority says who asks, nobody else', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'authentication-'));
  context.after(() => rm(directory, { recursive: true }));
  const pki = await openPki({ directory, clock: { ...systemClock, now: () => START }, random: systemRandomness });
  const { requests } = setUp([], pki.cluster.x509, pki.frontProxy.x509);
  const headers = new Map<string, readonly string[]>([
    ['x-remote-user', ['jane']],
    ['x-remote-group', ['a', 'b']],
    ['x-remote-uid', ['7']],
    ['x-remote-extra-example.com%2fscope', ['x', 'y']],
  ]);
  const ask = ({ certificate }: { certificate: string }) =>
    requests.authenticate({
      authorization: undefined,
      clientCertificate: new X509Certificate(certificate).raw,
      headers: {
        header: (name) => headers.get(name)?.[0],
        all: (name) => headers.get(name) ?? [],
        headerNames: () => [...headers.keys()],
      },
    });
  assert.deepEqual(await ask(await frontProxyCredential(pki)), {
    name: 'jane',
    uid: '7',
    groups: ['a', 'b', 'system:authenticated'],
    extra: { 'example.com/scope': ['x', 'y'] },
  });
  const admin = await ask(await adminCredential(pki));
  assert.equal(admin?.name, 'kubernetes-admin');
  headers.delete('x-remote-user');
  await refused(ask(await frontProxyCredential(pki)));
});
