import type { Informer } from '#client/informer.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { inspectPod, listPods, type PodSummary } from '../runtime/pod-state.ts';
import { removeFromRuntime, stopContainer } from './kill.ts';
import type { PodContext } from './pod-context.ts';
import { PodWorker } from './pod-worker.ts';
import type { WatchedReferences } from './watched-references.ts';

/** Containers of pods that nobody knows any more have this long to end. */
const ORPHAN_GRACE_MS = 30_000;

/** One worker for each pod of this node, from the first time it is seen until nothing of it is left. */
export class PodManager {
  readonly #context: PodContext;
  readonly #references: WatchedReferences;
  readonly #workers = new Map<string, PodWorker>();
  readonly #orphans = new Set<string>();
  /** Pods of which the runtime had something when we started. */
  #present: ReadonlySet<string> = new Set();
  #synced = false;

  constructor(context: PodContext, references: WatchedReferences) {
    this.#context = context;
    this.#references = references;
  }

  get workers(): ReadonlyMap<string, PodWorker> {
    return this.#workers;
  }

  /** The pod of this name that is bound here, with its worker. */
  find(namespace: string, name: string, uid?: string): PodWorker | undefined {
    for (const worker of this.#workers.values()) {
      const { metadata } = worker.pod;
      if (metadata.namespace === namespace && metadata.name === name && (uid === undefined || metadata.uid === uid))
        return worker;
    }
    return undefined;
  }

  /** Follows the pods of this node. Resolves when those that there are have workers and what is left of others is found. */
  async start(pods: Informer<Pod>): Promise<void> {
    const [present] = await Promise.all([listPods(this.#context.runtime), pods.synced]);
    this.#present = new Set(present.keys());
    pods.subscribe((change) => {
      const uid = change.object.metadata.uid ?? '';
      if (change.type === 'deleted') this.#remove(uid, change.object);
      else {
        // A relist may show a new pod of the same name as an update of the old one.
        if (change.type === 'updated' && change.old.metadata.uid !== uid)
          this.#remove(change.old.metadata.uid ?? '', change.old);
        this.#update(uid, change.object);
      }
    });
    this.#synced = true;
    const known = new Set(this.#workers.keys());
    for (const [uid, summary] of present) if (!known.has(uid)) this.#orphaned(summary);
    await this.#context.volumes.removeOrphans(new Set([...known, ...this.#orphans]));
    await this.#context.cgroups.removeOrphans(new Set([...known, ...this.#orphans]));
  }

  /** Something of a pod has changed in the runtime. */
  runtimeChanged(summary: PodSummary): void {
    const worker = this.#workers.get(summary.uid);
    if (worker) worker.sync();
    else if (this.#synced) this.#orphaned(summary);
  }

  sync(uid: string): void {
    this.#workers.get(uid)?.sync();
  }

  refreshVolumes(uid: string): void {
    this.#workers.get(uid)?.refreshVolumes();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
  }

  #update(uid: string, pod: Pod): void {
    this.#context.status.observe(pod);
    this.#references.follow(pod);
    const worker = this.#workers.get(uid);
    if (worker) worker.update(pod);
    else this.#workers.set(uid, new PodWorker(this.#context, pod, !this.#present.has(uid)));
  }

  #remove(uid: string, pod: Pod): void {
    const worker = this.#workers.get(uid);
    this.#references.forget(uid);
    if (!worker) return;
    worker
      .remove()
      .catch((error: unknown) =>
        this.#context.log.error({ err: error, pod: pod.metadata.name }, 'a deleted pod could not be removed'),
      )
      .finally(() => this.#workers.delete(uid))
      .catch(() => undefined); // the deletion above cannot fail
  }

  /** A pod was deleted while the agent was away: what it left in the runtime is ended and removed. */
  #orphaned(summary: PodSummary): void {
    if (this.#orphans.has(summary.uid) || this.#workers.has(summary.uid)) return;
    this.#orphans.add(summary.uid);
    this.#removeOrphan(summary)
      .catch((error: unknown) =>
        this.#context.log.error({ err: error, pod: summary.name }, 'what a deleted pod has left could not be removed'),
      )
      .finally(() => this.#orphans.delete(summary.uid))
      .catch(() => undefined); // the deletion above cannot fail
  }

  async #removeOrphan({ uid, name, namespace }: PodSummary): Promise<void> {
    const context = this.#context;
    const state = await inspectPod(context.runtime, uid);
    if (state.sandboxes.length === 0 && state.containers.length === 0) return;
    context.log.info({ pod: name, namespace, uid }, 'ending a pod that is gone from the API');
    const running = state.containers.filter((run) => run.state === 'running');
    await Promise.all(running.map((run) => stopContainer(context, run.id, ORPHAN_GRACE_MS)));
    await removeFromRuntime(context, state);
    await context.volumes.tearDown(uid);
    for (const qos of ['Guaranteed', 'Burstable', 'BestEffort'] as const) await context.cgroups.remove(uid, qos);
  }
}
