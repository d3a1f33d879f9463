import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { type Randomness, systemRandomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { startInformer } from '#client/start-informer.ts';
import type { Pod, Service, Taint } from '#machinery/types/core-v1.ts';
import { createEventRecorder } from '#reconciler/events.ts';
import { pods, services } from './api-resources.ts';
import { openCgroups, type PodCgroups } from './cgroups/cgroups.ts';
import { type Containerd, startContainerd } from './containerd/containerd.ts';
import { BackOff } from './containers/back-off.ts';
import { ImageManager } from './images/image-manager.ts';
import { startLogRotation } from './logs/log-rotation.ts';
import { inspectMachine, type Machine, nodeAddresses } from './node/machine.ts';
import { NodeAgent } from './node/node-agent.ts';
import { nodeAllocatable } from './node/node-status.ts';
import { hostResolver } from './pods/dns.ts';
import type { PodContext } from './pods/pod-context.ts';
import { PodManager } from './pods/pod-manager.ts';
import { StatusWriter } from './pods/status-writer.ts';
import { WatchedReferences } from './pods/watched-references.ts';
import { ProbeManager } from './probes/probe-manager.ts';
import { type ContainerRuntime, connectRuntime } from './runtime/connect.ts';
import { watchRuntime } from './containerd/runtime-events.ts';
import { type KubeletServer, startKubeletServer } from './server/kubelet-server.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';

/** The version of Kubernetes that the node says it runs. */
export const KUBELET_VERSION = 'v1.36.2';

export interface KubeletOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** Holds `pods/` and `pods-in-memory/` (volumes), `seccomp/` and, where the agent runs its own, `containerd/`. */
  readonly dataDir: string;
  /** Any CRI v1 runtime's socket; absent: a private containerd is started or adopted. */
  readonly runtimeEndpoint?: string;
  /** Where the private containerd looks for its network configuration. */
  readonly cniConfDir?: string;
  readonly cniBinDir?: string;
  /** Addresses of the cluster's DNS; empty: pods use the node's resolver. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's range of pod addresses, written into its spec at registration. */
  readonly podCidr?: string;
  /** Addresses of the node; found on the machine where absent. */
  readonly nodeIps?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly maxPods?: number;
  /** Where logs of containers lie, `<ns>_<name>_<uid>/<container>/<n>.log`; by default in the data directory. */
  readonly podLogsRoot?: string;
  readonly containerLogsRoot?: string;
  /** The cgroup above `kubepods`: `/`, or one of its own for each of several clusters on one machine. */
  readonly cgroupRoot?: string;
  /** The HTTPS server that the API server talks to; absent: none. */
  readonly server?: {
    readonly port: number;
    readonly address?: string;
    /** PEM. */
    readonly certificate: string;
    readonly key: string;
    readonly clientCa: string;
  };
  /** An informer of all Services that the process has already; a new one is started where absent. */
  readonly services?: Informer<Service>;
  readonly clock: Clock;
  readonly randomness?: Randomness;
  readonly log: Logger;
  /** Ends the agent; containers run on and are adopted by the next one. */
  readonly signal: AbortSignal;
}

/** The agent of one node. */
export interface Kubelet {
  readonly runtime: ContainerRuntime;
  /** The private containerd, where there is one. */
  readonly containerd: Containerd | undefined;
  readonly node: NodeAgent;
  readonly pods: PodManager;
  readonly podInformer: Informer<Pod>;
  readonly server: KubeletServer | undefined;
  readonly addresses: readonly string[];
  readonly cgroups: PodCgroups;
  /** Looks at the node's readiness now: the network configuration was written. */
  checkNode(): void;
  /** Ends all work of the agent; containers run on. */
  stop(): Promise<void>;
}

const MAX_PODS = 110;

/** Starts the agent: resolves when the node is registered and its pods have workers. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { dataDir, clock, log, client, nodeName } = options;
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const [containerd, machine, addresses] = await Promise.all([
    options.runtimeEndpoint === undefined ? ownContainerd(options, signal) : undefined,
    inspectMachine(dataDir),
    options.nodeIps ?? nodeAddresses(),
  ]);
  const runtime = containerd?.runtime ?? connectRuntime(options.runtimeEndpoint ?? '');
  const { runtimeName, runtimeVersion } = await runtime.runtime.version({});
  const parts = await assemble(options, { runtime, runtimeName, machine, addresses, signal });
  const { context, manager } = parts;
  const server = options.server
    ? await startKubeletServer({ ...options.server, client, runtime, manager, nodeName, clock, log, signal })
    : undefined;
  const node = new NodeAgent({
    client,
    runtime,
    nodeName,
    machine,
    addresses,
    dataDir,
    runtimeVersion: `${runtimeName}://${runtimeVersion.replace(/[~+].*$/, '')}`,
    kubeletVersion: KUBELET_VERSION,
    kubeletPort: server?.port ?? 0,
    maxPods: options.maxPods ?? MAX_PODS,
    labels: options.labels ?? {},
    taints: options.taints ?? [],
    podCidr: options.podCidr,
    events: context.events,
    clock,
    randomness: options.randomness ?? systemRandomness,
    log,
    signal,
  });
  await node.start();
  const podInformer = startInformer(client, pods, { fieldSelector: `spec.nodeName=${nodeName}`, signal, clock, log });
  await Promise.all([context.services.synced, manager.start(podInformer)]);
  watchRuntime({
    runtime,
    containerdEndpoint: runtimeName === 'containerd' ? (containerd?.endpoint ?? options.runtimeEndpoint) : undefined,
    clock,
    log,
    signal,
    changed: (summary) => manager.runtimeChanged(summary),
  });
  startLogRotation({ runtime, clock, log, signal });
  return {
    runtime,
    containerd,
    node,
    pods: manager,
    podInformer,
    server,
    addresses,
    cgroups: context.cgroups,
    checkNode: () => node.check(),
    async stop() {
      stopping.abort(new Error('the agent is being stopped'));
      await server?.close();
      await manager.stop();
      await context.events.flush();
    },
  };
}

function ownContainerd(options: KubeletOptions, signal: AbortSignal): Promise<Containerd> {
  const dataDir = join(options.dataDir, 'containerd');
  return startContainerd({
    dataDir,
    cniConfDir: options.cniConfDir ?? join(dataDir, 'cni'),
    ...(options.cniBinDir ? { cniBinDir: options.cniBinDir } : {}),
    clock: options.clock,
    log: options.log.child({ name: 'containerd' }),
    signal,
  });
}

interface Surroundings {
  readonly runtime: ContainerRuntime;
  readonly runtimeName: string;
  readonly machine: Machine;
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
}

/** Puts the parts together that pod workers share. */
async function assemble(
  options: KubeletOptions,
  { runtime, runtimeName, machine, addresses, signal }: Surroundings,
): Promise<{ readonly context: PodContext; readonly manager: PodManager }> {
  const { client, clock, log, nodeName, dataDir } = options;
  const randomness = options.randomness ?? systemRandomness;
  const events = createEventRecorder({ client, clock, log, component: 'kubelet', host: nodeName });
  const allocatable = nodeAllocatable(machine, options.maxPods ?? MAX_PODS);
  const podsRoot = join(dataDir, 'pods');
  const memoryRoot = join(dataDir, 'pods-in-memory');
  const podLogsRoot = options.podLogsRoot ?? join(dataDir, 'pod-logs');
  const references: WatchedReferences = new WatchedReferences({
    client,
    clock,
    log,
    signal,
    changed: (uid) => manager.refreshVolumes(uid),
  });
  const context: PodContext = {
    client,
    runtime,
    runtimeName,
    images: new ImageManager({ runtime, clock, events }),
    volumes: new PodVolumes({ client, references, podsRoot, memoryRoot, allocatable, clock, log }),
    cgroups: await openCgroups({ root: options.cgroupRoot ?? '/', clock, log }),
    probes: new ProbeManager({ runtime, clock, randomness, events, log, changed: (uid) => manager.sync(uid) }),
    status: new StatusWriter({ client, clock, log, signal }),
    references,
    services: options.services ?? startInformer(client, services, { signal, clock, log }),
    events,
    backOff: new BackOff(),
    clock,
    log,
    podsRoot,
    podLogsRoot,
    containerLogsRoot: options.containerLogsRoot ?? join(dataDir, 'container-logs'),
    seccompRoot: join(dataDir, 'seccomp'),
    hostIps: addresses,
    hostname: hostname(),
    hostResolver: await hostResolver(),
    cluster: { dns: options.clusterDns, domain: options.clusterDomain },
    allocatable,
    memoryCapacity: machine.memoryBytes,
  };
  const manager: PodManager = new PodManager(context, references);
  return { context, manager };
}
