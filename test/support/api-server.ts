import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeConnections } from '#apiserver/proxy/node-connections.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from '#apiserver/server.ts';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import { adminCredential, apiServerCredential, kubeletClientCredential } from '#pki/identities.ts';
import { openPki, type Pki } from '#pki/pki.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';
import { aesGcm, loadEncryptionKeys } from '#store/encryption.ts';

/** An API server with a store and trust of its own in a temporary folder, in this process. */
export interface TestApiServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly pki: Pki;
  readonly folder: string;
  /** Of a member of system:masters. */
  readonly kubeconfig: string;
}

export async function startApiServer(overrides: Partial<ApiServerOptions> = {}): Promise<TestApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-api-'));
  const clock = overrides.apiClock ?? systemClock;
  const random = systemRandomness;
  const pki = await openPki({ directory: join(folder, 'pki'), clock, random });
  const names = { clusterDomain: 'cluster.local', serviceAddresses: ['10.43.0.1'], hostNames: [], addresses: [] };
  const serving = await apiServerCredential(pki, names);
  const store = await openEmbedded({ path: join(folder, 'state.db'), clock, ioClock: systemClock });
  const server = await createApiServer({
    listen: { host: '127.0.0.1', port: 0 },
    certificates: { current: serving, subscribe: () => ({ [Symbol.dispose]() {} }) },
    clientCa: pki.cluster.certificate,
    frontProxyCa: pki.frontProxy.certificate,
    tokenKey: pki.tokenKey,
    store,
    transformer: aesGcm(loadEncryptionKeys(join(folder, 'encryption.json'), random), random),
    apiClock: clock,
    ioClock: systemClock,
    random,
    log: createLogger('apiserver', process.env['DHOW_LOG'] ?? 'warn'),
    failed: (reason) => {
      throw reason;
    },
    connects: nodeConnections({ ca: pki.cluster.certificate, ...(await kubeletClientCredential(pki)) }),
    ...overrides,
  });
  await server.bootstrapped.catch((error: unknown) => console.error(`bootstrap: ${String(error)}`));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, await kubeconfigOf(server, pki), { mode: 0o600 });
  return {
    server,
    pki,
    folder,
    kubeconfig,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function kubeconfigOf(server: ApiServer, pki: Pki): Promise<string> {
  const { certificate, key } = await adminCredential(pki);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: `https://127.0.0.1:${server.port}`,
          'certificate-authority-data': base64(pki.cluster.certificate),
        },
      },
    ],
    users: [
      { name: 'admin', user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
  });
}
