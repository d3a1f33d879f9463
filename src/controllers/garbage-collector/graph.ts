import type { KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { OwnerReference } from '#machinery/types/meta-v1.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** An object, as far as it owns or is owned. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: ResourceRef;
  readonly name: string;
  readonly namespace: string;
  readonly owners: readonly OwnerReference[];
  readonly isGoing: boolean;
  /** It waits for its dependents to go first. */
  readonly deletesDependents: boolean;
  /** It waits for its dependents to be let go. */
  readonly orphansDependents: boolean;
}

/** Who owns whom, by uid, as the informers show it. An owner need not be known for its dependents to be found. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** Uids of dependents by uid of the owner. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependents(uid: string): readonly GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  /** Takes an object in; objects that neither own nor are owned cost one small entry. */
  set(resource: ResourceRef, { metadata }: KubeObject): GraphNode {
    const { uid = '', name = '', namespace = '', finalizers = [], ownerReferences = [] } = metadata;
    const isGoing = metadata.deletionTimestamp !== undefined;
    const node: GraphNode = {
      uid,
      resource,
      name,
      namespace,
      owners: ownerReferences,
      isGoing,
      deletesDependents: isGoing && finalizers.includes(FOREGROUND),
      orphansDependents: isGoing && finalizers.includes(ORPHAN),
    };
    const before = this.#nodes.get(uid);
    if (before) this.#unlink(before);
    this.#nodes.set(uid, node);
    for (const owner of ownerReferences) {
      const dependents = this.#dependents.get(owner.uid);
      if (dependents) dependents.add(uid);
      else this.#dependents.set(owner.uid, new Set([uid]));
    }
    return node;
  }

  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (!node) return;
    this.#unlink(node);
    this.#nodes.delete(uid);
  }

  #unlink({ uid, owners }: GraphNode): void {
    for (const owner of owners) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}
