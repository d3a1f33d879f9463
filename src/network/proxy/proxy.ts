import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#base/clock.ts';
import { command, tryCommand } from '#base/command.ts';
import type { Logger } from '#base/log.ts';
import type { Informer } from '#client/informer.ts';
import type { Pod, Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { type PortRules, renderPort } from './chains.ts';
import { planService, type ServicePortPlan } from './service-port.ts';
import { changes, type HostPort, replaceTable, type TableContent, type TableOptions } from './transaction.ts';

export interface ProxyOptions extends TableOptions {
  readonly nodeName: string;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  /** Pods of this node, for their host ports. */
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Changes that come within this time go into one transaction. */
const GATHER_MS = 10;
/** After a transaction failed, the whole table is written anew after this long. */
const RETRY_MS = 1_000;

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/**
 * Keeps the nftables table equal to the Services, EndpointSlices and host ports of the API. The first table replaces
 * what an earlier agent left in one transaction, so traffic goes on; later changes cost what changed.
 */
export class ServiceProxy implements Disposable {
  readonly #options: ProxyOptions;
  readonly #dirty = new Set<string>();
  readonly #subscriptions: Disposable[] = [];
  /** Ids of the ports of each service, by namespace/name. */
  readonly #portsOf = new Map<string, readonly string[]>();
  readonly #plans = new Map<string, ServicePortPlan>();
  readonly #rules = new Map<string, PortRules>();
  #applied: TableContent | undefined;
  #hostPortsDirty = true;
  #hostPorts: readonly HostPort[] = [];
  #working: Promise<void> | undefined;
  #synced = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
    const { services, slices, pods } = options;
    slices.index('service', (slice) => [serviceKey(slice)]);
    this.#subscriptions.push(
      services.subscribe(({ object }) => this.#touch(`${object.metadata.namespace}/${object.metadata.name}`)),
      slices.subscribe(({ object }) => this.#touch(serviceKey(object))),
      pods.subscribe(() => {
        this.#hostPortsDirty = true;
        this.#schedule();
      }),
    );
  }

  /** Resolves when the table holds everything that the API had at the start. */
  async start(): Promise<void> {
    await Promise.all([this.#options.services.synced, this.#options.slices.synced, this.#options.pods.synced]);
    this.#synced = true;
    await this.#sync();
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#schedule();
  }

  #schedule(delayMs = GATHER_MS): void {
    if (!this.#synced || this.#working || this.#options.signal.aborted) return;
    const { clock, log, signal } = this.#options;
    this.#working = clock
      .sleep(delayMs, signal)
      .then(() => this.#sync())
      .then(
        () => {
          this.#working = undefined;
          if (this.#dirty.size > 0 || this.#hostPortsDirty) this.#schedule();
        },
        (error: unknown) => {
          this.#working = undefined;
          if (signal.aborted) return;
          log.error({ error }, 'service proxy: the transaction failed, the table is written anew');
          this.#applied = undefined;
          this.#schedule(RETRY_MS);
        },
      );
  }

  async #sync(): Promise<void> {
    const stale = this.#plan();
    if (this.#hostPortsDirty) {
      this.#hostPortsDirty = false;
      this.#hostPorts = hostPortsOf(this.#options.pods.list(), this.#options.nodeName);
    }
    const content: TableContent = { ports: new Map(this.#rules), hostPorts: this.#hostPorts };
    const script = this.#applied
      ? changes(this.#options, this.#applied, content)
      : replaceTable(this.#options, content);
    if (script) await command('nft', ['-f', '-'], { input: script });
    this.#applied = content;
    for (const plan of stale) await this.#forgetFlows(plan);
  }

  /** Plans the services that changed; returns the UDP ports whose kernel flows may point to a backend that is gone. */
  #plan(): readonly ServicePortPlan[] {
    const { services, slices, nodeName, podCidr } = this.#options;
    const byService = slices.index('service', (slice) => [serviceKey(slice)]);
    const stale: ServicePortPlan[] = [];
    for (const key of this.#dirty) {
      const [namespace, name] = key.split('/');
      const service = services.get(name ?? '', namespace);
      const plans =
        service && !service.metadata.deletionTimestamp ? planService(service, byService.get(key), nodeName) : [];
      const ids = plans.map((plan) => plan.id);
      for (const id of this.#portsOf.get(key) ?? []) {
        if (ids.includes(id)) continue;
        const old = this.#plans.get(id);
        if (old?.protocol === 'udp') stale.push(old);
        this.#plans.delete(id);
        this.#rules.delete(id);
      }
      for (const plan of plans) {
        const old = this.#plans.get(plan.id);
        if (isDeepStrictEqual(old, plan)) continue;
        if (plan.protocol === 'udp' && losesBackend(old, plan)) stale.push(plan);
        this.#plans.set(plan.id, plan);
        this.#rules.set(plan.id, renderPort(plan, podCidr));
      }
      if (ids.length > 0) this.#portsOf.set(key, ids);
      else this.#portsOf.delete(key);
    }
    this.#dirty.clear();
    return stale;
  }

  /** UDP has no end of connection: without this a client would go on talking to a pod that is gone. */
  async #forgetFlows(plan: ServicePortPlan): Promise<void> {
    for (const ip of [...plan.clusterIps, ...plan.externalIps]) {
      await tryCommand('conntrack', ['-D', '-p', 'udp', '--orig-dst', ip, '--orig-port-dst', String(plan.port)]);
    }
    if (plan.nodePort) await tryCommand('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', String(plan.nodePort)]);
  }
}

function serviceKey(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

/** Also true for the first backends: flows from before them were made without translation. */
function losesBackend(old: ServicePortPlan | undefined, plan: ServicePortPlan): boolean {
  if (!old || old.backends.length === 0) return plan.backends.length > 0;
  return old.backends.some(({ ip, port }) => !plan.backends.some((other) => other.ip === ip && other.port === port));
}

function hostPortsOf(pods: readonly Pod[], nodeName: string): readonly HostPort[] {
  return pods
    .filter((pod) => pod.spec.nodeName === nodeName && !pod.spec.hostNetwork && pod.status.podIP)
    .filter((pod) => pod.status.phase === 'Running' || pod.status.phase === 'Pending')
    .flatMap((pod) =>
      [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].flatMap((container) =>
        (container.ports ?? []).flatMap((port) =>
          port.hostPort
            ? [
                {
                  hostIp: port.hostIP && port.hostIP !== '0.0.0.0' && port.hostIP !== '::' ? port.hostIP : '',
                  protocol: (port.protocol ?? 'TCP').toLowerCase(),
                  hostPort: port.hostPort,
                  podIp: pod.status.podIP ?? '',
                  containerPort: port.containerPort,
                },
              ]
            : [],
        ),
      ),
    );
}
