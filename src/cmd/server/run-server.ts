import { mkdir, rename, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import { emptyKubeconfig, withContext, writeKubeconfig } from '#client/kubeconfig.ts';
import type { Credential } from '#pki/certificate.ts';
import {
  adminCredential,
  apiServerCredential,
  kubeletClientCredential,
  nodeCredential,
  nodeServingCredential,
  proxyCredential,
} from '#pki/identities.ts';
import { openPki, type Pki } from '#pki/pki.ts';
import { nodeConnections } from '#apiserver/proxy/node-connections.ts';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import { aesGcm, loadEncryptionKeys } from '#store/encryption.ts';
import { openEmbedded } from '#store/embedded/embedded.ts';
import { keepHistory } from '#store/history-keeper.ts';
import { dnsAddress, kubernetesAddress } from '../service-range.ts';
import { dhowVersion, KUBERNETES_VERSION } from '../version.ts';
import type { AgentCredentials } from '../agent/credentials.ts';
import { releaseMemoryWhenIdle } from '../idle-memory.ts';
import type { ControlWorkerData } from './control-worker.ts';
import { ensureDnsObjects } from './dns-objects.ts';

/** What one control plane is told. */
export interface ServerSettings {
  /** Holds the store, keys and certificates. */
  readonly serverDir: string;
  readonly host: string;
  readonly port: number;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  /** Where pods reach this server; none where no node runs. */
  readonly advertiseAddresses: readonly string[];
  /** Where the administrator's kubeconfig is written, and the name of its context. */
  readonly kubeconfig: string;
  readonly context: string;
  readonly controllers: ReadonlySet<string>;
  readonly scheduler: boolean;
  readonly runtimeConfig: Readonly<Record<string, boolean>>;
  readonly featureGates: Readonly<Record<string, boolean>>;
  /** The node of this machine, where there is one: its credentials are written to `file`. */
  readonly agent?: { readonly nodeName: string; readonly file: string };
  readonly log: Logger;
  /** The server cannot go on: its process has to end. */
  readonly failed: (reason: Error) => void;
}

/** The heap of controllers and scheduler together: a collection of theirs never is the API's. */
const CONTROL_HEAP_MIB = 512;
const CONTROL_YOUNG_MIB = 16;
const WORKER_RESTART_MS = 1_000;

/** A control plane; disposing of it ends it. */
export async function runServer(settings: ServerSettings): Promise<AsyncDisposable & { readonly port: number }> {
  const { serverDir, log } = settings;
  await mkdir(serverDir, { recursive: true, mode: 0o700 });
  await using cleanup = new AsyncDisposableStack();
  const [pki, store] = await Promise.all([
    openPki({ directory: join(serverDir, 'pki'), clock: systemClock, random: systemRandomness }),
    openEmbedded({ path: join(serverDir, 'store.db'), clock: systemClock, ioClock: systemClock }),
  ]);
  cleanup.use(store);
  cleanup.use(keepHistory(store, systemClock, (error) => log.error({ err: error }, 'old revisions cannot be removed')));
  const [serving, kubeletClient] = await Promise.all([servingCredential(settings, pki), kubeletClientCredential(pki)]);
  const server = await createApiServer({
    listen: { host: settings.host, port: settings.port },
    certificates: { current: serving, subscribe: () => ({ [Symbol.dispose]: () => undefined }) },
    clientCa: pki.cluster.certificate,
    frontProxyCa: pki.frontProxy.certificate,
    tokenKey: pki.tokenKey,
    store,
    transformer: aesGcm(loadEncryptionKeys(join(serverDir, 'encryption.json'), systemRandomness), systemRandomness),
    apiClock: systemClock,
    ioClock: systemClock,
    random: systemRandomness,
    log,
    failed: settings.failed,
    externalHost: settings.advertiseAddresses[0] ?? '127.0.0.1',
    advertiseAddresses: settings.advertiseAddresses,
    serviceCidrs: [settings.serviceCidr],
    serviceAccountIssuer: `https://kubernetes.default.svc.${settings.clusterDomain}`,
    runtimeConfig: settings.runtimeConfig,
    featureGates: settings.featureGates,
    connects: nodeConnections({ ca: pki.cluster.certificate, ...kubeletClient }),
    version: { gitVersion: `${KUBERNETES_VERSION}+dhow-${dhowVersion()}`, gitCommit: '', buildDate: BUILD_DATE },
  });
  cleanup.use(server);
  await Promise.all([writeCredentials(settings, pki, server.port), server.bootstrapped]);
  if (settings.agent) await ensureDnsObjects(server.inProcess(SELF), dnsAddress(settings.serviceCidr));
  cleanup.use(startControlWorker(settings, server, pki));
  cleanup.use(releaseMemoryWhenIdle(systemClock));
  const running = cleanup.move();
  return { port: server.port, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The program has no build of its own to date: it is run from its sources' bundle. */
const BUILD_DATE = '1970-01-01T00:00:00Z';

/** The identity of the composition itself, for objects that belong to no part. */
const SELF = { name: 'system:apiserver', groups: ['system:masters'] };

function servingCredential({ serviceCidr, clusterDomain }: ServerSettings, pki: Pki): Promise<Credential> {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  return apiServerCredential(pki, {
    clusterDomain,
    serviceAddresses: [kubernetesAddress(serviceCidr)],
    hostNames: [hostname().toLowerCase()],
    addresses: addresses.toSorted(),
  });
}

/** Kubeconfig for the administrator and credentials for the agent of this machine, each for its owner alone. */
async function writeCredentials(settings: ServerSettings, pki: Pki, port: number): Promise<void> {
  const server = `https://127.0.0.1:${port}`;
  const admin = await adminCredential(pki);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const entry = {
    name: settings.context,
    cluster: { server, 'certificate-authority-data': base64(pki.cluster.certificate) },
    user: {
      'client-certificate-data': base64(admin.certificate),
      'client-key-data': base64(admin.key),
    },
  };
  await writeKubeconfig(settings.kubeconfig, withContext(emptyKubeconfig, entry, true));
  if (!settings.agent) return;
  const { nodeName, file } = settings.agent;
  const [kubelet, network, serving] = await Promise.all([
    nodeCredential(pki, nodeName),
    proxyCredential(pki),
    nodeServingCredential(pki, nodeName, { hostNames: [], addresses: ['127.0.0.1', ...settings.advertiseAddresses] }),
  ]);
  const credentials: AgentCredentials = { server, ca: pki.cluster.certificate, kubelet, network, serving };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.tmp`, JSON.stringify(credentials), { mode: 0o600, flush: true });
  await rename(`${file}.tmp`, file);
}

/** Controllers and scheduler in a thread of their own; one that ends is started again. */
function startControlWorker(settings: ServerSettings, server: ApiServer, pki: Pki): AsyncDisposable {
  const stop = new AbortController();
  let current: Worker | undefined;
  if (settings.controllers.size > 0 || settings.scheduler) start();

  function start(): void {
    const { port1, port2 } = new MessageChannel();
    const serving = server.servePort(port1);
    const data: ControlWorkerData = {
      port: port2,
      controllers: [...settings.controllers],
      scheduler: settings.scheduler,
      rootCaPem: pki.cluster.certificate,
      tokenKey: pki.tokenKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
    const worker = new Worker(workerEntry(), {
      workerData: data,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: CONTROL_HEAP_MIB, maxYoungGenerationSizeMb: CONTROL_YOUNG_MIB },
    });
    current = worker;
    worker.on('error', (error) => settings.log.error({ err: error }, 'the thread of the controllers failed'));
    worker.on('exit', () => {
      serving[Symbol.dispose]();
      if (!stop.signal.aborted) systemClock.after(WORKER_RESTART_MS, () => !stop.signal.aborted && start());
    });
  }

  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await current?.terminate();
    },
  };
}

/** Beside the sources, or beside the bundle that this has become part of (scripts/build.ts names it). */
function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './control-worker.ts' : './control-worker.mjs', import.meta.url);
}
