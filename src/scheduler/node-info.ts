import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { type Amounts, amountsOf, podRequests } from './amounts.ts';

/** A node with the pods on it (those assumed to be on their way to it included) and the sums that plug-ins ask for. */
export class NodeInfo {
  readonly name: string;
  #node: Node | undefined;
  #allocatable: Amounts = {};
  #imageSizes: ReadonlyMap<string, number> = new Map();
  readonly #pods = new Map<string, Pod>();
  readonly #requested = new Map<string, number>();
  #nonZeroCpu = 0;
  #nonZeroMemory = 0;
  readonly #withAffinity = new Map<string, Pod>();
  readonly #withRequiredAntiAffinity = new Map<string, Pod>();
  readonly #withHostPorts = new Map<string, Pod>();

  constructor(name: string) {
    this.name = name;
  }

  /** Undefined while only pods are known that name it. */
  get node(): Node | undefined {
    return this.#node;
  }

  set node(node: Node | undefined) {
    if (node?.status.images !== this.#node?.status.images || !this.#node) this.#imageSizes = imageSizes(node);
    this.#node = node;
    this.#allocatable = amountsOf(node?.status.allocatable);
  }

  get allocatable(): Amounts {
    return this.#allocatable;
  }

  get pods(): Iterable<Pod> {
    return this.#pods.values();
  }

  get podCount(): number {
    return this.#pods.size;
  }

  /** Size in bytes of each image on the node, by name. */
  get images(): ReadonlyMap<string, number> {
    return this.#imageSizes;
  }

  get podsWithAffinity(): Iterable<Pod> {
    return this.#withAffinity.values();
  }

  get podsWithRequiredAntiAffinity(): Iterable<Pod> {
    return this.#withRequiredAntiAffinity.values();
  }

  get podsWithHostPorts(): Iterable<Pod> {
    return this.#withHostPorts.values();
  }

  requested(resource: string): number {
    return this.#requested.get(resource) ?? 0;
  }

  get nonZeroRequested(): { readonly cpu: number; readonly memory: number } {
    return { cpu: this.#nonZeroCpu, memory: this.#nonZeroMemory };
  }

  /** Adds a pod, or replaces the one of the same uid. */
  addPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.removePod(uid);
    this.#pods.set(uid, pod);
    this.#count(pod, 1);
    const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
    if (podAffinity || podAntiAffinity) this.#withAffinity.set(uid, pod);
    if (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) {
      this.#withRequiredAntiAffinity.set(uid, pod);
    }
    if (hostPorts(pod).length > 0) this.#withHostPorts.set(uid, pod);
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    this.#pods.delete(uid);
    this.#withAffinity.delete(uid);
    this.#withRequiredAntiAffinity.delete(uid);
    this.#withHostPorts.delete(uid);
    this.#count(pod, -1);
  }

  #count(pod: Pod, sign: 1 | -1): void {
    const { requests, nonZero } = podRequests(pod);
    for (const [name, amount] of Object.entries(requests)) {
      this.#requested.set(name, this.requested(name) + sign * amount);
    }
    this.#nonZeroCpu += sign * nonZero.cpu;
    this.#nonZeroMemory += sign * nonZero.memory;
  }
}

export interface HostPort {
  readonly protocol: string;
  readonly hostIP: string;
  readonly hostPort: number;
}

export function hostPorts({ spec }: Pod): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...(spec.containers ?? []), ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort ? [{ protocol: protocol || 'TCP', hostIP: hostIP || '0.0.0.0', hostPort }] : [],
    ),
  );
}

function imageSizes(node: Node | undefined): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { names, sizeBytes } of node?.status.images ?? []) {
    for (const name of names ?? []) sizes.set(name, Number(sizeBytes ?? 0));
  }
  return sizes;
}
