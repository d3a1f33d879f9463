import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { connectContainerd, CRI_NAMESPACE } from './services.ts';
import type { ContainerRuntime } from '../runtime/connect.ts';
import { TaskExitSchema } from '../runtime/cri/generated/containerd-events_pb.ts';
import { listPods, type PodSummary } from '../runtime/pod-state.ts';

export interface RuntimeEventsOptions {
  readonly runtime: ContainerRuntime;
  /** Where containerd's own services answer too, or undefined for other runtimes. */
  readonly containerdEndpoint: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Something of the pod has changed in the runtime. */
  readonly changed: (pod: PodSummary) => void;
}

/** Listing everything: often without a stream of events, seldom with one, as a safety net. */
const RELIST_MS = 1_000;
const RELIST_WITH_EVENTS_MS = 15_000;
const RECONNECT_MS = 1_000;
/** CRI learns of an end from the same stream as we do, maybe a little later: we look again until it knows. */
const FIRST_LOOK_MS = 5;
const MAX_LOOK_MS = 1_000;

/**
 * Tells of every pod whose containers or sandboxes have changed. containerd's own stream says at once that a process
 * ended; listing finds whatever the stream, or the agent while it was away, has missed.
 */
export function watchRuntime(options: RuntimeEventsOptions): void {
  const { clock, log, signal } = options;
  let known: ReadonlyMap<string, PodSummary> | undefined;
  let streaming = false;
  let listing: Promise<void> | undefined;
  let again = false;
  /** Containers that have ended, but not in the listing yet. */
  let ended = new Set<string>();

  async function relist(): Promise<void> {
    const found = await listPods(options.runtime);
    const before = known ?? new Map<string, PodSummary>();
    known = found;
    for (const [uid, summary] of found)
      if (before.get(uid)?.fingerprint !== summary.fingerprint) options.changed(summary);
    for (const [uid, summary] of before) if (!found.has(uid)) options.changed(summary);
    const alive = new Set([...found.values()].flatMap((summary) => summary.alive));
    ended = ended.intersection(alive);
  }

  /** One listing at a time; what happens meanwhile asks for another. */
  function relistSoon(): Promise<void> {
    again = listing !== undefined;
    listing ??= relist()
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'the runtime could not be listed');
      })
      .finally(() => {
        listing = undefined;
        if (again && !signal.aborted) void relistSoon(); // its errors are logged above
      });
    return listing;
  }

  async function lookFor(containerId: string): Promise<void> {
    for (let waitMs = FIRST_LOOK_MS; ended.has(containerId) && waitMs <= MAX_LOOK_MS; waitMs *= 2) {
      await relistSoon();
      if (ended.has(containerId)) await clock.sleep(waitMs, signal).catch(() => undefined);
    }
    ended.delete(containerId);
  }

  async function poll(): Promise<void> {
    while (!signal.aborted) {
      await relistSoon();
      await clock.sleep(streaming ? RELIST_WITH_EVENTS_MS : RELIST_MS, signal).catch(() => undefined);
    }
  }

  async function stream(endpoint: string): Promise<void> {
    const { events } = connectContainerd(endpoint);
    const filters = [`topic=="/tasks/exit",namespace=="${CRI_NAMESPACE}"`];
    while (!signal.aborted) {
      try {
        const answers = events.subscribe({ filters }, { signal, timeoutMs: 0 });
        streaming = true;
        for await (const { event } of answers) {
          if (!event) continue;
          const { id, containerId } = fromBinary(TaskExitSchema, event.value);
          if (id !== containerId) continue; // the end of an exec is none of the container's
          ended.add(containerId);
          void lookFor(containerId); // errors of listings are logged
        }
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ err: error }, "containerd's events have ended");
      }
      streaming = false;
      await clock.sleep(RECONNECT_MS, signal).catch(() => undefined);
    }
  }

  const failed = (error: unknown) => log.error({ err: error }, 'watching the runtime failed');
  poll().catch(failed);
  if (options.containerdEndpoint !== undefined) stream(options.containerdEndpoint).catch(failed);
}
