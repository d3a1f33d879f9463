import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '#base/clock.ts';
import { systemRandomness } from '#base/random.ts';
import { readCertificate } from './certificate.ts';
import {
  adminCredential,
  kubeletClientCredential,
  apiServerCredential,
  nodeCredential,
  nodeServingCredential,
} from './identities.ts';
import { openPki } from './pki.ts';

const DAY_MS = 86_400_000;
const names = {
  clusterDomain: 'cluster.local',
  serviceAddresses: ['10.43.0.1'],
  hostNames: ['machine'],
  addresses: ['192.0.2.7', '2001:db8::7'],
};

function clockAt(ms: number): Clock {
  return { ...systemClock, now: () => ms };
}

async function temporaryDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pki-'));
  context.after(() => rm(directory, { recursive: true }));
  return directory;
}

async function open(directory: string, clock: Clock = systemClock) {
  return openPki({ directory, clock, random: systemRandomness });
}

test('pki: what was made is found again, and only its owner may read it', async (context) => {
  const directory = join(await temporaryDirectory(context), 'pki');
  const first = await open(directory);
  const serving = await apiServerCredential(first, names);
  const second = await open(directory);
  assert.equal(second.cluster.certificate, first.cluster.certificate);
  assert.equal(second.frontProxy.certificate, first.frontProxy.certificate);
  assert.notEqual(first.cluster.certificate, first.frontProxy.certificate);
  assert.deepEqual(await apiServerCredential(second, names), serving);
  assert.ok(second.tokenKey.publicKey.equals(first.tokenKey.publicKey));
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const file of await readdir(directory)) {
    assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600, file);
  }
});

test('pki: a leaf is issued anew near its end, for other names, and when its files do not match', async (context) => {
  const directory = await temporaryDirectory(context);
  const now = Date.UTC(2026, 0, 1);
  const pki = await open(directory, clockAt(now));
  const first = await apiServerCredential(pki, names);
  const later = await open(directory, clockAt(now + 200 * DAY_MS));
  assert.deepEqual(await apiServerCredential(later, names), first);
  const nearEnd = await open(directory, clockAt(now + 300 * DAY_MS));
  const renewed = await apiServerCredential(nearEnd, names);
  assert.notEqual(renewed.certificate, first.certificate);
  const moved = await apiServerCredential(nearEnd, { ...names, addresses: ['192.0.2.8'] });
  assert.ok(new X509Certificate(moved.certificate).checkIP('192.0.2.8'));
  await writeFile(join(directory, 'apiserver.key'), renewed.key);
  const repaired = await apiServerCredential(nearEnd, names);
  assert.ok(new X509Certificate(repaired.certificate).checkIP('192.0.2.7'));
});

test('pki: an authority whose files do not match is refused, never replaced', async (context) => {
  const directory = await temporaryDirectory(context);
  await open(directory);
  await writeFile(join(directory, 'ca.key'), await readFile(join(directory, 'front-proxy-ca.key')));
  await assert.rejects(open(directory), /ca\.crt and .*ca\.key do not belong together/);
});

test('pki: subjects, usages and lifetimes', async (context) => {
  const now = Date.UTC(2026, 0, 1);
  const pki = await open(await temporaryDirectory(context), clockAt(now));
  const [admin, kubelets, node, serving] = await Promise.all([
    adminCredential(pki),
    kubeletClientCredential(pki),
    nodeCredential(pki, 'n-1'),
    nodeServingCredential(pki, 'n-1', { hostNames: [], addresses: ['192.0.2.7'] }),
  ]);
  const facts = [admin, kubelets, node, serving].map(({ certificate }) =>
    readCertificate(new X509Certificate(certificate)),
  );
  const life = { notBefore: now - 3600_000, notAfter: now + 365 * DAY_MS };
  assert.deepEqual(facts, [
    { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'], ...life },
    { commonName: 'kube-apiserver-kubelet-client', organizations: [], usages: ['client'], ...life },
    { commonName: 'system:node:n-1', organizations: ['system:nodes'], usages: ['client'], ...life },
    { commonName: 'system:node:n-1', organizations: ['system:nodes'], usages: ['server'], ...life },
  ]);
  assert.equal(readCertificate(pki.cluster.x509).notAfter, now + 3650 * DAY_MS);
  assert.throws(() => nodeCredential(pki, '../ca'), /cannot name a certificate/);
});

test('pki: TLS accepts the server by each of its names and a client of the cluster, not a serving certificate', async (context) => {
  const pki = await open(await temporaryDirectory(context));
  const [server, client, kubeletServing] = await Promise.all([
    apiServerCredential(pki, names),
    nodeCredential(pki, 'n-1'),
    nodeServingCredential(pki, 'n-1', { hostNames: [], addresses: ['192.0.2.7'] }),
  ]);
  const listener = createServer(
    {
      key: server.key,
      cert: server.certificate,
      ca: pki.cluster.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (socket: TLSSocket) => {
      socket.on('error', () => {}); // the client ends without a close_notify
      socket.end(String(socket.authorized));
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  context.after(() => listener.close());
  const address = listener.address();
  assert.ok(address && typeof address === 'object');
  const ask = (servername: string, credential: typeof client) =>
    new Promise<string>((resolve, reject) => {
      let text = '';
      connect({
        port: address.port,
        host: '127.0.0.1',
        servername,
        ca: pki.cluster.certificate,
        key: credential.key,
        cert: credential.certificate,
      })
        .on('data', (data) => {
          text += data.toString();
        })
        .on('error', reject)
        .on('close', () => resolve(text));
    });
  for (const name of ['kubernetes', 'kubernetes.default.svc.cluster.local', 'localhost', 'machine']) {
    assert.equal(await ask(name, client), 'true', name);
  }
  await assert.rejects(ask('elsewhere.example', client), /altnames/);
  assert.equal(await ask('localhost', kubeletServing), 'false');
});
