import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Pod, Probe } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import { containerEvent } from '../containers/container-event.ts';
import { type AnyContainer, allContainers } from '../containers/containers.ts';
import type { ContainerRuntime } from '../runtime/connect.ts';
import type { PodRunState } from '../runtime/pod-state.ts';
import { execAction, grpcAction, httpAction, type Outcome, type Target, tcpAction } from './handlers.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** A result has changed: the pod is to be looked at. */
  readonly changed: (uid: string) => void;
}

/** What the probes know, by container id. */
export interface ProbeView {
  /** A startup probe has succeeded, or there is none. */
  started(containerId: string, container: AnyContainer): boolean;
  /** Which probe says that the container must go, if one does. */
  failed(containerId: string): 'liveness' | 'startup' | undefined;
}

const KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];
/** A probe that could not be tried is tried again at once, this often. */
const TRIES = 3;
const USER_AGENT = 'kube-probe/1.36';

interface Results {
  startup?: boolean;
  liveness?: boolean;
  readiness?: boolean;
}

/** Runs the probes of all containers and remembers their results. Source: "Liveness, Readiness, and Startup Probes". */
export class ProbeManager implements ProbeView {
  readonly #options: ProbeManagerOptions;
  /** By container id. */
  readonly #results = new Map<string, Results>();
  /** By pod uid, then container id. */
  readonly #workers = new Map<string, Map<string, ContainerProbes>>();

  constructor(options: ProbeManagerOptions) {
    this.#options = options;
  }

  started(containerId: string, container: AnyContainer): boolean {
    return !container.startupProbe || this.#results.get(containerId)?.startup === true;
  }

  ready(containerId: string, container: AnyContainer): boolean {
    return !container.readinessProbe || this.#results.get(containerId)?.readiness === true;
  }

  failed(containerId: string): 'liveness' | 'startup' | undefined {
    const results = this.#results.get(containerId);
    if (results?.startup === false) return 'startup';
    return results?.liveness === false ? 'liveness' : undefined;
  }

  /** Probes what runs and stops probing what does not. */
  follow(pod: Pod, state: PodRunState): void {
    const uid = pod.metadata.uid ?? '';
    const workers = this.#workers.get(uid) ?? new Map<string, ContainerProbes>();
    const running = new Map(
      state.containers.filter((run) => run.state === 'running').map((run) => [run.id, run] as const),
    );
    for (const [id, probes] of workers) {
      if (running.has(id)) probes.pod = pod;
      else {
        probes[Symbol.dispose]();
        workers.delete(id);
        this.#results.delete(id);
      }
    }
    const podIp = (pod.spec.hostNetwork ? undefined : state.sandboxes[0]?.ips[0]) ?? pod.status.podIP ?? '127.0.0.1';
    for (const container of allContainers(pod)) {
      if (!KINDS.some((kind) => probeOf(container, kind))) continue;
      const run = [...running.values()].find((one) => one.name === container.name);
      if (!run || workers.has(run.id)) continue;
      const results: Results = {};
      this.#results.set(run.id, results);
      const place = { containerId: run.id, container, podIp, startedAt: run.startedAt };
      workers.set(run.id, new ContainerProbes(this.#options, pod, place, results));
    }
    if (workers.size > 0) this.#workers.set(uid, workers);
    else this.#workers.delete(uid);
  }

  /** While a pod ends, readiness is still asked for, but nothing is restarted any more. */
  stopRestarting(uid: string): void {
    for (const probes of this.#workers.get(uid)?.values() ?? []) probes.stop('startup', 'liveness');
  }

  forget(uid: string): void {
    for (const [id, probes] of this.#workers.get(uid) ?? []) {
      probes[Symbol.dispose]();
      this.#results.delete(id);
    }
    this.#workers.delete(uid);
  }
}

function probeOf(container: AnyContainer, kind: ProbeKind): Probe | undefined {
  return container[`${kind}Probe`];
}

interface Place {
  readonly containerId: string;
  readonly container: AnyContainer;
  readonly podIp: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** The probes of one running container, each with its own schedule. */
class ContainerProbes implements Disposable {
  pod: Pod;
  readonly #options: ProbeManagerOptions;
  readonly #place: Place;
  readonly #results: Results;
  readonly #timers = new Map<ProbeKind, Disposable>();
  readonly #streaks = new Map<ProbeKind, { success: boolean; count: number }>();
  readonly #stopped = new Set<ProbeKind>();

  constructor(options: ProbeManagerOptions, pod: Pod, place: Place, results: Results) {
    this.pod = pod;
    this.#options = options;
    this.#place = place;
    this.#results = results;
    const first: readonly ProbeKind[] = place.container.startupProbe ? ['startup'] : ['liveness', 'readiness'];
    for (const kind of first) this.#begin(kind);
  }

  stop(...kinds: ProbeKind[]): void {
    for (const kind of kinds) {
      this.#stopped.add(kind);
      this.#timers.get(kind)?.[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.stop(...KINDS);
  }

  #begin(kind: ProbeKind): void {
    const probe = probeOf(this.#place.container, kind);
    if (!probe) return;
    const { clock, randomness } = this.#options;
    const initialMs = (probe.initialDelaySeconds ?? 0) * 1000;
    const sinceStart = clock.now() - this.#place.startedAt;
    // Where many containers are met at once (a restart of the agent) their probes are spread over a period.
    const spread = sinceStart > 10_000 ? randomness.fraction() * (probe.periodSeconds ?? 10) * 1000 : 0;
    this.#schedule(kind, Math.max(initialMs - sinceStart, 0) + spread);
  }

  #schedule(kind: ProbeKind, delayMs: number): void {
    if (this.#stopped.has(kind)) return;
    const timer = this.#options.clock.after(delayMs, () => {
      this.#run(kind).catch((error: unknown) => this.#options.log.error({ err: error }, 'a probe failed to run'));
    });
    this.#timers.set(kind, timer);
  }

  async #run(kind: ProbeKind): Promise<void> {
    const probe = probeOf(this.#place.container, kind);
    if (!probe) return;
    const begun = this.#options.clock.now();
    const outcome = await this.#tryOften(probe);
    if (this.#stopped.has(kind)) return;
    if (outcome.result !== 'unknown') this.#note(kind, probe, outcome);
    else this.#event(`${kindName(kind)} probe errored and resulted in unknown state: ${outcome.message}`);
    if (kind === 'startup' && this.#results.startup === true) {
      this.stop('startup');
      this.#begin('liveness');
      this.#begin('readiness');
      return;
    }
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    this.#schedule(kind, Math.max(periodMs - (this.#options.clock.now() - begun), 0));
  }

  #note(kind: ProbeKind, probe: Probe, outcome: Outcome): void {
    const success = outcome.result !== 'failure';
    if (outcome.result === 'warning')
      this.#event(`${kindName(kind)} probe warning: ${outcome.message}`, 'ProbeWarning');
    if (!success) this.#event(`${kindName(kind)} probe failed: ${outcome.message}`);
    const before = this.#streaks.get(kind);
    const count = before?.success === success ? before.count + 1 : 1;
    this.#streaks.set(kind, { success, count });
    const threshold = success ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (count < threshold || this.#results[kind] === success) return;
    this.#results[kind] = success;
    // The container is on its way out: what its other probes say counts no more.
    if (!success && kind !== 'readiness') this.stop('startup', 'liveness');
    this.#options.changed(this.pod.metadata.uid ?? '');
  }

  #event(message: string, reason = 'Unhealthy'): void {
    containerEvent(this.#options, this.pod, this.#place.container, { type: 'Warning', reason, message });
  }

  async #tryOften(probe: Probe): Promise<Outcome> {
    let outcome: Outcome = { result: 'unknown', message: '' };
    for (let tries = 0; tries < TRIES && outcome.result === 'unknown'; tries++) {
      try {
        outcome = await this.#act(probe);
      } catch (error) {
        outcome = { result: 'unknown', message: error instanceof Error ? error.message : String(error) };
      }
    }
    return outcome;
  }

  #act(probe: Probe): Promise<Outcome> {
    const target: Target = { ...this.#place, timeoutMs: (probe.timeoutSeconds ?? 1) * 1000, userAgent: USER_AGENT };
    if (probe.exec) return execAction(this.#options.runtime, probe.exec, target);
    if (probe.httpGet) return httpAction(probe.httpGet, target);
    if (probe.tcpSocket) return tcpAction(probe.tcpSocket, target);
    if (probe.grpc) return grpcAction(probe.grpc, target);
    return Promise.reject(
      new Error(`missing probe handler for ${this.pod.metadata.name}:${this.#place.container.name}`),
    );
  }
}

function kindName(kind: ProbeKind): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}
