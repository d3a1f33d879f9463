import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { NodeInfo } from './node-info.ts';

/**
 * What the scheduler believes about nodes and the pods on them: what its informers showed, and above that the pods that
 * it assigned itself and whose binding they do not show yet ("assumed").
 */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Where each known pod is, by uid. */
  readonly #places = new Map<string, { readonly nodeName: string; readonly assumed: boolean }>();
  #listed: readonly NodeInfo[] | undefined;

  /** Nodes that exist, in a fixed order. */
  get nodes(): readonly NodeInfo[] {
    this.#listed ??= [...this.#nodes.values()].filter(({ node }) => node !== undefined);
    return this.#listed;
  }

  get(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.node ? info : undefined;
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const info = this.#infoOf(name);
    if (!info.node) this.#listed = undefined;
    info.node = node;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    info.node = undefined;
    this.#listed = undefined;
    if (info.podCount === 0) this.#nodes.delete(name);
  }

  /** A pod that is on a node, as an informer shows it. It confirms or corrects what was assumed. */
  setPod(pod: Pod): void {
    this.#place(pod, pod.spec.nodeName ?? '', false);
  }

  removePod(uid: string): void {
    const place = this.#places.get(uid);
    if (!place) return;
    this.#places.delete(uid);
    const info = this.#nodes.get(place.nodeName);
    info?.removePod(uid);
    if (info && !info.node && info.podCount === 0) this.#nodes.delete(place.nodeName);
  }

  assume(pod: Pod, nodeName: string): void {
    this.#place({ ...pod, spec: { ...pod.spec, nodeName } }, nodeName, true);
  }

  /** Takes an assumption back, unless the informer has confirmed it. */
  forget(uid: string): void {
    if (this.#places.get(uid)?.assumed) this.removePod(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#places.get(uid)?.assumed ?? false;
  }

  #place(pod: Pod, nodeName: string, assumed: boolean): void {
    const uid = pod.metadata.uid ?? '';
    const before = this.#places.get(uid);
    if (before && before.nodeName !== nodeName) this.removePod(uid);
    this.#infoOf(nodeName).addPod(pod);
    this.#places.set(uid, { nodeName, assumed });
  }

  #infoOf(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.#nodes.set(name, info);
    }
    return info;
  }
}
