import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import { formatMicroTime } from '#machinery/time.ts';
import type { Lease } from '#machinery/types/coordination-v1.ts';
import type { ContainerImage, Node, Taint } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import { leases, nodes } from '../api-resources.ts';
import { type ContainerRuntime, rpcMessage } from '../runtime/connect.ts';
import { diskInfo, type Machine, memoryInfo, processCounts } from './machine.ts';
import { type NodeInput, nodeLabels, nodeStatus } from './node-status.ts';

export interface NodeAgentOptions {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  readonly machine: Machine;
  readonly addresses: readonly string[];
  readonly dataDir: string;
  readonly runtimeVersion: string;
  readonly kubeletVersion: string;
  readonly kubeletPort: number;
  readonly maxPods: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly podCidr: string | undefined;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const LEASE_RENEW_MS = 10_000;
/** How often the node is looked at, and how often its status is written though nothing has changed. */
const CHECK_MS = 10_000;
const REPORT_MS = 300_000;
/** Until the node is Ready for the first time it is looked at often. */
const FIRST_CHECK_MS = 100;
const RETRY_MS = 400;
const MAX_RETRY_MS = 7_000;
const MEMORY_THRESHOLD_BYTES = 100 * 1024 * 1024;
const DISK_THRESHOLD = 0.1;
const INODE_THRESHOLD = 0.05;

/** Keeps the Node object and its Lease. Source: "Nodes", heartbeats; KEP-589. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #node: Node | undefined;
  #reportedAt = 0;
  #wasReady = false;
  #wake: (() => void) | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  get node(): Node | undefined {
    return this.#node;
  }

  /** Registers the node, trying until it works; then keeps status and Lease in the background. */
  async start(): Promise<void> {
    const { clock, signal, log, events, nodeName } = this.#options;
    let retryMs = RETRY_MS;
    while (!this.#node) {
      signal.throwIfAborted();
      try {
        this.#node = await this.#register();
      } catch (error) {
        log.warn({ err: error }, 'the node could not be registered');
        await clock.sleep(retryMs, signal);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
    events.record(
      { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName },
      { type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' },
    );
    const failed = (error: unknown) => {
      if (!signal.aborted) log.error({ err: error }, 'the node is not kept up to date any more');
    };
    this.#keepLease().catch(failed);
    this.#keepStatus().catch(failed);
  }

  /** Looks at the node now: something that its readiness hangs on may have changed. */
  check(): void {
    this.#wake?.();
  }

  async #register(): Promise<Node> {
    const { client, nodeName, machine, labels, taints, podCidr, log } = this.#options;
    const wantedLabels = { ...nodeLabels(nodeName, machine), ...labels };
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: nodeName,
        labels: wantedLabels,
        annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
      },
      spec: {
        ...(podCidr ? { podCIDR: podCidr, podCIDRs: [podCidr] } : {}),
        ...(taints.length > 0 ? { taints } : {}),
      },
      status: nodeStatus(await this.#input(), undefined),
    } as const;
    try {
      return await client.create(nodes, node);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    const existing = await client.get(nodes, nodeName);
    const missing = Object.entries(wantedLabels).filter(([key, value]) => existing.metadata.labels?.[key] !== value);
    log.info({ node: nodeName }, 'the node is registered already');
    if (missing.length === 0) return existing;
    return client.patch(nodes, {
      name: nodeName,
      type: 'strategic',
      body: { metadata: { labels: Object.fromEntries(missing) } },
    });
  }

  async #keepStatus(): Promise<void> {
    const { clock, signal, log } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#report();
      } catch (error) {
        log.warn({ err: error }, "the node's status could not be written");
      }
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const waitMs = this.#wasReady ? CHECK_MS : FIRST_CHECK_MS;
      await Promise.race([clock.sleep(waitMs, signal).catch(() => undefined), woken.promise]);
    }
  }

  async #report(): Promise<void> {
    const { client, nodeName, clock, events } = this.#options;
    const old = this.#node;
    if (!old) return;
    const status = nodeStatus(await this.#input(), old);
    const isDue = clock.now() - this.#reportedAt >= REPORT_MS;
    if (!isDue && !changed(old, status)) return;
    const body = { status: { ...status, addresses: [{ $patch: 'replace' }, ...(status.addresses ?? [])] } };
    try {
      this.#node = await client.patch(nodes, { name: nodeName, type: 'strategic', body }, { subresource: 'status' });
    } catch (error) {
      // Deleted by somebody: a node that lives registers again.
      if (isStatus(error, 'NotFound')) this.#node = await this.#register();
      else throw error;
    }
    this.#reportedAt = clock.now();
    const ready = status.conditions?.find((condition) => condition.type === 'Ready');
    const isReady = ready?.status === 'True';
    if (isReady !== this.#wasReady) {
      const message = `Node ${nodeName} status is now: ${isReady ? 'NodeReady' : 'NodeNotReady'}`;
      const regarding = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };
      events.record(regarding, { type: 'Normal', reason: isReady ? 'NodeReady' : 'NodeNotReady', message });
    }
    this.#wasReady = isReady;
  }

  async #input(): Promise<NodeInput> {
    const { options, runtime } = { options: this.#options, runtime: this.#options.runtime };
    const [problems, images, memory, disk, processes] = await Promise.all([
      this.#problems(),
      listImages(runtime),
      memoryInfo(),
      diskInfo(options.dataDir),
      processCounts(),
    ]);
    return {
      name: options.nodeName,
      machine: options.machine,
      addresses: options.addresses,
      kubeletVersion: options.kubeletVersion,
      runtimeVersion: options.runtimeVersion,
      kubeletPort: options.kubeletPort,
      maxPods: options.maxPods,
      images,
      pressure: {
        memory: memory.available < MEMORY_THRESHOLD_BYTES,
        disk:
          disk.availableBytes < disk.totalBytes * DISK_THRESHOLD ||
          (disk.totalInodes > 0 && disk.freeInodes < disk.totalInodes * INODE_THRESHOLD),
        pid: processes.running >= processes.max * 0.95,
      },
      problems,
      handlers: ['', 'runc'],
      now: options.clock.now(),
    };
  }

  async #problems(): Promise<readonly string[]> {
    try {
      const { status } = await this.#options.runtime.runtime.status({}, { timeoutMs: 5_000 });
      return (status?.conditions ?? [])
        .filter((condition) => !condition.status)
        .map(({ type, reason, message }) =>
          type === 'NetworkReady'
            ? `container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`
            : `container runtime not ready: ${type}=false reason:${reason} message:${message}`,
        );
    } catch (error) {
      return [`container runtime is down: ${rpcMessage(error)}`];
    }
  }

  async #keepLease(): Promise<void> {
    const { clock, signal, log, randomness } = this.#options;
    let lease: Lease | undefined;
    while (!signal.aborted) {
      try {
        lease = await this.#renew(lease);
      } catch (error) {
        lease = undefined;
        log.warn({ err: error }, "the node's lease could not be renewed");
      }
      await clock.sleep(LEASE_RENEW_MS * (1 + 0.04 * randomness.fraction()), signal).catch(() => undefined);
    }
  }

  async #renew(known: Lease | undefined): Promise<Lease> {
    const { client, nodeName, clock } = this.#options;
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: formatMicroTime(clock.now()),
    };
    if (known) return client.update(leases, { ...known, spec: { ...known.spec, ...spec } });
    const uid = this.#node?.metadata.uid ?? '';
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }];
    try {
      const existing = await client.get(leases, nodeName, LEASE_NAMESPACE);
      return await client.update(leases, { ...existing, spec: { ...existing.spec, ...spec } });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      const metadata = { name: nodeName, namespace: LEASE_NAMESPACE, ownerReferences };
      return client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
    }
  }
}

/** Whether a status says something new, apart from the time at which it was made. */
function changed(node: Node, status: Node['status']): boolean {
  const timeless = (value: Node['status']) =>
    JSON.stringify([
      (value.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => ordered(condition)),
      ordered(value.capacity),
      ordered(value.allocatable),
      value.addresses,
      (value.images ?? []).map((image) => image.names),
      value.nodeInfo.containerRuntimeVersion,
      value.daemonEndpoints,
    ]);
  return timeless(node.status) !== timeless(status);
}

/** Entries in the order of their keys. */
function ordered(value: object = {}): readonly unknown[] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The largest images first, as the scheduler wants them. */
async function listImages({ images }: ContainerRuntime): Promise<readonly ContainerImage[]> {
  try {
    const { images: all } = await images.listImages({});
    return all
      .map((image) => ({ names: [...image.repoDigests, ...image.repoTags], sizeBytes: Number(image.size) }))
      .filter((image) => image.names.length > 0)
      .sort((a, b) => b.sizeBytes - a.sizeBytes);
  } catch {
    return []; // The runtime is down, which the conditions say.
  }
}
