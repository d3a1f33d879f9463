import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { type CommandResult, tryCommand } from '#base/command.ts';
import { createLogger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { httpsTransport } from '#client/https.ts';
import { loadImageArchive } from '#kubelet/containerd/image-import.ts';
import { type Kubelet, startKubelet } from '#kubelet/kubelet.ts';
import { nodeAddresses } from '#kubelet/node/machine.ts';
import { unmountBelow } from '#kubelet/volumes/mounts.ts';
import type { Namespace, Pod, ServiceAccount } from '#machinery/types/core-v1.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { adminCredential, nodeCredential, nodeServingCredential } from '#pki/identities.ts';
import { ensureImages } from '../../images/build.ts';
import { startApiServer, type TestApiServer } from '../../support/api-server.ts';
import { realTool } from '../../support/kubectl.ts';

export const pods: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const namespaces: ResourceRef<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};
const accounts: ResourceRef<ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

/** An API server and one real node: a private containerd and the agent, on addresses and cgroups of their own. */
export class TestNode implements AsyncDisposable {
  readonly folder: string;
  readonly api: TestApiServer;
  readonly client: Client;
  readonly nodeName = 'test-node';
  kubelet: Kubelet;
  readonly #range: string;

  private constructor(folder: string, api: TestApiServer, client: Client, range: string, kubelet: Kubelet) {
    this.folder = folder;
    this.api = api;
    this.client = client;
    this.#range = range;
    this.kubelet = kubelet;
  }

  /** `third` is the third number of the pods' range 10.99.N.0/24: tests that run at once take different ones. */
  static async start(third: number): Promise<TestNode> {
    const folder = mkdtempSync(join(tmpdir(), 'dhow-node-'));
    const api = await startApiServer();
    const { certificate, key } = await adminCredential(api.pki);
    const server = `https://127.0.0.1:${api.server.port}`;
    const client = createClient(
      httpsTransport({ server, ca: api.pki.cluster.certificate, clientCert: certificate, clientKey: key }),
    );
    for (const name of ['default', 'kube-node-lease', 'kube-system'])
      await client
        .create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
        .catch(() => undefined);
    await client
      .create(accounts, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'default' },
      })
      .catch(() => undefined);
    const range = `10.99.${third}.0/24`;
    const kubelet = await startAgent(folder, api, range);
    const node = new TestNode(folder, api, client, range, kubelet);
    await node.load();
    return node;
  }

  /** Ends the agent as a restart would, and starts another one on what the first has left. */
  async restartAgent(): Promise<void> {
    await this.kubelet.stop();
    this.kubelet = await startAgent(this.folder, this.api, this.#range);
  }

  async load(): Promise<void> {
    const [file = ''] = await ensureImages(['busybox']);
    const containerd = this.kubelet.containerd;
    if (!containerd) throw new Error('the node has no containerd of its own');
    await loadImageArchive(containerd.services, [readFileSync(file)] as unknown as AsyncIterable<Uint8Array>);
  }

  kubectl(args: readonly string[], input = ''): Promise<CommandResult> {
    return tryCommand(realTool('kubectl'), ['--kubeconfig', this.api.kubeconfig, ...args], { input });
  }

  /** Creates a pod that is bound to this node already. */
  createPod(name: string, spec: object, metadata: object = {}): Promise<Pod> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: { nodeName: this.nodeName, terminationGracePeriodSeconds: 2, automountServiceAccountToken: false, ...spec },
    };
    return this.client.create(pods, pod as unknown as Pod);
  }

  /** Waits until `wanted` gives something for the pod. */
  async until<T>(name: string, wanted: (pod: Pod) => T | undefined | false, timeoutMs = 20_000): Promise<T> {
    const end = systemClock.now() + timeoutMs;
    for (;;) {
      const pod = await this.client.get(pods, name, 'default');
      const found = wanted(pod);
      if (found) return found;
      if (systemClock.now() > end) throw new Error(`pod ${name}: ${JSON.stringify(pod.status, undefined, 1)}`);
      await systemClock.sleep(20);
    }
  }

  untilReady(name: string): Promise<Pod> {
    return this.until(name, (pod) => isReady(pod) && pod);
  }

  async untilGone(name: string): Promise<void> {
    const end = systemClock.now() + 20_000;
    while (await this.client.get(pods, name, 'default').catch(() => undefined)) {
      if (systemClock.now() > end) throw new Error(`pod ${name} does not go`);
      await systemClock.sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { items } = await this.client.list(pods, {});
    for (const pod of items)
      await this.client
        .delete(pods, pod.metadata.name ?? '', pod.metadata.namespace, { gracePeriodSeconds: 1 })
        .catch(() => undefined);
    for (const pod of items)
      await this.untilGone(pod.metadata.name ?? '').catch((error: unknown) => console.error(String(error)));
    const end = systemClock.now() + 10_000;
    while (this.kubelet.pods.workers.size > 0 && systemClock.now() < end) await systemClock.sleep(20);
    await this.kubelet.stop();
    await this.kubelet.cgroups.removeAll();
    await this.kubelet.containerd?.stop();
    await this.api[Symbol.asyncDispose]();
    await unmountBelow(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function isReady(pod: Pod): boolean {
  return (pod.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

async function startAgent(folder: string, api: TestApiServer, range: string): Promise<Kubelet> {
  const nodeName = 'test-node';
  const cniConfDir = join(folder, 'cni');
  mkdirSync(cniConfDir, { recursive: true });
  const network = {
    cniVersion: '0.4.0',
    name: 'test',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: join(folder, 'ipam'),
          ranges: [[{ subnet: range }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
  writeFileSync(join(cniConfDir, '10-test.conflist'), JSON.stringify(network));
  const own = await nodeCredential(api.pki, nodeName);
  const addresses = await nodeAddresses();
  const serving = await nodeServingCredential(api.pki, nodeName, { hostNames: [], addresses: [...addresses] });
  const ca = api.pki.cluster.certificate;
  const server = `https://127.0.0.1:${api.server.port}`;
  return startKubelet({
    client: createClient(httpsTransport({ server, ca, clientCert: own.certificate, clientKey: own.key })),
    nodeName,
    dataDir: join(folder, 'agent'),
    cniConfDir,
    clusterDns: ['10.43.0.10'],
    clusterDomain: 'cluster.local',
    podCidr: range,
    cgroupRoot: `/${folder.slice(folder.lastIndexOf('/') + 1)}`,
    server: { port: 0, certificate: serving.certificate, key: serving.key, clientCa: ca },
    clock: systemClock,
    log: createLogger('kubelet', process.env['DHOW_LOG'] ?? 'warn'),
    signal: new AbortController().signal,
  });
}
