import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isStatus } from '#machinery/status.ts';
import { parseTime } from '#machinery/time.ts';
import type { ContainerStateWaiting, Pod } from '#machinery/types/core-v1.ts';
import { qosClassOf } from '#resources/core/pod/qos.ts';
import { pods } from '../api-resources.ts';
import { type AnyContainer, allContainers } from '../containers/containers.ts';
import { WaitingError } from '../images/image-manager.ts';
import { rpcMessage } from '../runtime/connect.ts';
import { inspectPod, inspectSandbox, type PodRunState, type SandboxState } from '../runtime/pod-state.ts';
import { VolumeError } from '../volumes/pod-volumes.ts';
import { newestState, type PodPlan, planPod } from './actions.ts';
import { admit } from './admit.ts';
import { identityOf, isTerminal, logFolder } from './identity.ts';
import {
  gracePeriodMs,
  killAllContainers,
  killContainer,
  removeFromRuntime,
  stopContainer,
  stopSandboxes,
} from './kill.ts';
import type { PodContext } from './pod-context.ts';
import { type SandboxConfig, sandboxConfig } from './sandbox-config.ts';
import { backOffKey, startContainer } from './start-container.ts';
import { podStatus } from './status.ts';
import { terminationMessage, terminationMessageFile } from './termination-message.ts';

interface Verdict {
  readonly reason: string;
  readonly message: string;
}

/** Without any news a pod is looked at this often. */
const RESYNC_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/**
 * Brings one pod to what its spec asks for and tells the API what became of it. Everything that happens to the pod
 * happens in `#sync`, one at a time; whoever learns something new only asks for another one.
 */
export class PodWorker {
  readonly #context: PodContext;
  #pod: Pod;
  #state: PodRunState | undefined;
  readonly #waiting = new Map<string, ContainerStateWaiting>();
  readonly #messages = new Map<string, string>();
  readonly #ending = new AbortController();
  #verdict: Verdict | undefined;
  #admitted = false;
  /** What the runtime has may be something else than `#state` by now. */
  #stale: boolean;
  #cgroup: string | undefined;
  #volumesStale = true;
  #wanted = false;
  #running: Promise<void> | undefined;
  #timer: Disposable | undefined;
  #retryMs = FIRST_RETRY_MS;
  #over = false;
  #gone = false;

  /** `isNew`: the runtime is known to have nothing of the pod. */
  constructor(context: PodContext, pod: Pod, isNew: boolean) {
    this.#context = context;
    this.#pod = pod;
    this.#stale = !isNew;
    if (isNew) this.#state = { uid: pod.metadata.uid ?? '', sandboxes: [], containers: [] };
    this.update(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** What the runtime had of the pod when it was last looked at. */
  get state(): PodRunState | undefined {
    return this.#state;
  }

  /** The spec, the metadata or somebody else's part of the status has changed. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp) {
      this.#ending.abort();
      const shorter =
        Number(pod.metadata.deletionGracePeriodSeconds) < Number(before.metadata.deletionGracePeriodSeconds);
      if (before.metadata.deletionTimestamp && shorter) this.#hurry();
    }
    const labelsChanged =
      before.metadata.labels !== pod.metadata.labels || before.metadata.annotations !== pod.metadata.annotations;
    if (labelsChanged) this.#volumesStale = true;
    this.#stale ||= pod.metadata.deletionTimestamp !== undefined; // a pod is not let go on old knowledge
    this.#syncSoon();
  }

  /** Something that the pod's volumes show has changed. */
  refreshVolumes(): void {
    this.#volumesStale = true;
    this.sync();
  }

  /** Asks for the pod to be looked at: something about it may have changed in the runtime. */
  sync(): void {
    this.#stale = true;
    this.#syncSoon();
  }

  #syncSoon(): void {
    this.#wanted = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
  }

  /** The object is gone from the API: whatever is left is removed. Resolves when it is. */
  async remove(): Promise<void> {
    this.#gone = true;
    this.#ending.abort();
    this.sync();
    await this.#running;
  }

  /** Nothing is started or written any more; what runs goes on. */
  async stop(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#over = true;
    this.#wanted = false;
    await this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      this.#timer?.[Symbol.dispose]();
      try {
        const againMs = await this.#sync();
        this.#retryMs = FIRST_RETRY_MS;
        this.#again(againMs);
      } catch (error) {
        if (this.#over) return;
        this.#stale = true;
        this.#context.log.error({ err: error, pod: this.#pod.metadata.name }, 'a pod could not be brought forward');
        this.#again(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      }
    }
  }

  #again(delayMs: number | undefined): void {
    if (delayMs === undefined || this.#over) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#context.clock.after(delayMs, () => this.sync());
  }

  /** One step. Resolves with the milliseconds after which to look again at the latest. */
  async #sync(): Promise<number | undefined> {
    if (this.#over) return undefined;
    const state = await this.#look();
    if (this.#gone || this.#pod.metadata.deletionTimestamp) return this.#end(state);
    if (isTerminal(this.#pod)) return this.#settle(state);
    this.#checkDeadline();
    if (!this.#admitted) this.#admitted = this.#admit(state);
    if (this.#verdict) return this.#settle(state);
    const plan = planPod(this.#pod, state, this.#context.probes);
    const goesOn = await this.#carryOut(plan, state);
    const after = await this.#look();
    if (!goesOn) return this.#settle(after);
    await this.#report(after);
    return this.#nextLook();
  }

  #admit(state: PodRunState): boolean {
    // What runs already was admitted by an earlier run of the agent.
    const refusal = state.sandboxes.length > 0 ? undefined : admit(this.#pod);
    if (refusal) {
      this.#verdict = refusal;
      this.#context.events.record(this.#pod, { type: 'Warning', ...refusal });
    }
    return true;
  }

  #checkDeadline(): void {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    const started = parseTime(this.#pod.status.startTime);
    if (seconds === undefined || started === undefined || this.#verdict) return;
    if (this.#context.clock.now() < started + Number(seconds) * 1000) return;
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#verdict = { reason: 'DeadlineExceeded', message };
    this.#context.events.record(this.#pod, { type: 'Normal', reason: 'DeadlineExceeded', message });
  }

  /** Carries a plan out as far as it goes. False: the pod is over. */
  async #carryOut(plan: PodPlan, state: PodRunState): Promise<boolean> {
    const context = this.#context;
    const pod = this.#pod;
    this.#stale ||= plan.killPod || plan.kill.length > 0 || plan.start.length > 0 || plan.createSandbox !== undefined;
    if (plan.killPod) {
      await killAllContainers(context, pod, state, { graceMs: gracePeriodMs(pod) });
      await stopSandboxes(context, state);
      if (state.sandboxes.length > 0 && plan.createSandbox)
        context.events.record(pod, {
          type: 'Normal',
          reason: 'SandboxChanged',
          message: 'Pod sandbox changed, it will be killed and re-created.',
        });
      if (!plan.createSandbox) return false;
    }
    await Promise.all(
      plan.kill.map(async (kill) => {
        const run = state.containers.find((one) => one.id === kill.id);
        if (!run) return;
        await killContainer(context, pod, run, { message: kill.message, graceMs: this.#probeGraceMs(kill) });
      }),
    );
    if (plan.start.length === 0 && !plan.createSandbox && !this.#volumesStale) return true;
    this.#cgroup ??= await context.cgroups.create(pod);
    const [volumes, sandbox] = await Promise.all([
      this.#setUpVolumes(),
      plan.createSandbox ? this.#createSandbox(plan.createSandbox.attempt) : plan.sandbox,
    ]);
    if (!volumes || !sandbox) return true;
    const config = this.#sandboxConfig(sandbox.attempt);
    for (const container of plan.start) {
      if (this.#ending.signal.aborted) return true;
      await this.#start(container, sandbox, config);
    }
    return true;
  }

  #probeGraceMs(kill: PodPlan['kill'][number]): number {
    const container = allContainers(this.#pod).find((one) => one.name === kill.name);
    const own = kill.probe && container?.[`${kill.probe}Probe`]?.terminationGracePeriodSeconds;
    return Number(own ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  async #setUpVolumes(): Promise<boolean> {
    if (!this.#volumesStale) return true;
    this.#volumesStale = false;
    try {
      await this.#context.volumes.setUp(this.#pod);
      return true;
    } catch (error) {
      this.#volumesStale = true;
      if (!(error instanceof VolumeError)) throw error;
      const message = `MountVolume.SetUp failed for volume "${error.volume}" : ${error.message}`;
      this.#context.events.record(this.#pod, { type: 'Warning', reason: 'FailedMount', message });
      this.#again(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      return false;
    }
  }

  #sandboxConfig(attempt: number): SandboxConfig {
    const { podLogsRoot, seccompRoot, hostResolver, cluster } = this.#context;
    const cgroupParent = this.#cgroup ?? '';
    return sandboxConfig({ pod: this.#pod, attempt, cgroupParent, podLogsRoot, seccompRoot, hostResolver, cluster });
  }

  async #createSandbox(attempt: number): Promise<SandboxState | undefined> {
    const context = this.#context;
    const config = this.#sandboxConfig(attempt);
    await mkdir(config.logDirectory ?? '', { recursive: true, mode: 0o755 });
    try {
      const { podSandboxId } = await context.runtime.runtime.runPodSandbox({ config, runtimeHandler: '' });
      return await inspectSandbox(context.runtime, podSandboxId);
    } catch (error) {
      const message = `Failed to create pod sandbox: ${rpcMessage(error)}`;
      context.events.record(this.#pod, { type: 'Warning', reason: 'FailedCreatePodSandBox', message });
      this.#again(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      return undefined;
    }
  }

  async #start(container: AnyContainer, sandbox: SandboxState, config: SandboxConfig): Promise<void> {
    const state = this.#state;
    if (!state) return;
    try {
      const scene = { pod: this.#pod, state, sandbox, sandboxConfig: config, signal: this.#ending.signal };
      await startContainer(this.#context, scene, container);
      this.#waiting.delete(container.name);
    } catch (error) {
      if (!(error instanceof WaitingError)) throw error;
      this.#waiting.set(container.name, { reason: error.reason, message: error.message });
    }
  }

  /** What the runtime has, looked at only where it may have changed. */
  async #look(): Promise<PodRunState> {
    if (this.#stale || !this.#state) return this.#inspect();
    this.#context.probes.follow(this.#pod, this.#state);
    return this.#state;
  }

  /** Looks at the runtime and at what containers that ended have left to say. */
  async #inspect(): Promise<PodRunState> {
    const context = this.#context;
    const uid = this.#pod.metadata.uid ?? '';
    this.#stale = false; // before looking: what changes meanwhile is to be seen, too
    const state = await inspectPod(context.runtime, uid);
    this.#state = state;
    for (const run of state.containers) {
      if (run.state !== 'exited' || this.#messages.has(run.id)) continue;
      const container = allContainers(this.#pod).find((one) => one.name === run.name);
      if (!container) continue;
      const file = terminationMessageFile(context.volumes.podFolder(uid), run.name, run.restartCount);
      this.#messages.set(run.id, await terminationMessage(container, run, file));
    }
    for (const id of this.#messages.keys())
      if (!state.containers.some((run) => run.id === id)) this.#messages.delete(id);
    context.probes.follow(this.#pod, state);
    return state;
  }

  /** Tells the API. Returns at once unless `wait`: only a pod's last word has to be there before we go on. */
  async #report(state: PodRunState, terminating = false): Promise<void> {
    const context = this.#context;
    const known = context.status.latest(this.#pod.metadata.uid ?? '');
    const status = podStatus({
      pod: known ? { ...this.#pod, status: known } : this.#pod,
      state,
      waiting: this.#waiting,
      terminationMessages: this.#messages,
      probes: context.probes,
      hostIps: context.hostIps,
      runtimeName: context.runtimeName,
      terminating,
      verdict: this.#verdict,
      now: context.clock.now(),
    });
    const written = context.status.write(this.#pod, status);
    const isLast = status.phase === 'Succeeded' || status.phase === 'Failed';
    if (terminating) await written;
    else written.catch((error: unknown) => context.log.error({ err: error }, 'writing a status failed'));
    // A pod that has come to its end by itself still has a sandbox and volumes to give back.
    if (isLast && !terminating) this.#wanted = true;
  }

  /** Milliseconds until something is due: the end of a back-off or a deadline, an ageing token, the regular look. */
  #nextLook(): number {
    const { backOff, images, volumes, clock } = this.#context;
    const now = clock.now();
    let nextMs = this.#volumesStale ? this.#retryMs : RESYNC_MS;
    for (const [name, { reason }] of this.#waiting) {
      const container = allContainers(this.#pod).find((one) => one.name === name);
      if (!container) continue;
      const last = this.#state && newestState(this.#state, name);
      const waitMs =
        reason === 'CrashLoopBackOff' && last
          ? backOff.remaining(backOffKey(this.#pod, container), last.finishedAt, now)
          : Math.max(images.remaining(this.#pod, container), reason?.includes('Image') ? 0 : FIRST_RETRY_MS * 10);
      nextMs = Math.min(nextMs, Math.max(waitMs, 10));
    }
    const started = parseTime(this.#pod.status.startTime) ?? now;
    const deadline = this.#pod.spec.activeDeadlineSeconds;
    if (deadline !== undefined) nextMs = Math.min(nextMs, Math.max(started + Number(deadline) * 1000 - now, 10));
    const refreshAt = volumes.refreshAt(this.#pod.metadata.uid ?? '');
    if (refreshAt !== undefined && refreshAt - now < nextMs) {
      nextMs = Math.max(refreshAt - now, 10);
      this.#volumesStale ||= refreshAt <= now + 10;
    }
    return nextMs;
  }

  /** The pod is over, but its object stays: nothing runs on, logs are kept. */
  async #settle(state: PodRunState): Promise<undefined> {
    const context = this.#context;
    this.#ending.abort();
    context.probes.stopRestarting(this.#pod.metadata.uid ?? '');
    await killAllContainers(context, this.#pod, state, { graceMs: gracePeriodMs(this.#pod) });
    await this.#report(await this.#inspect(), true);
    await stopSandboxes(context, state);
    await this.#report(await this.#inspect(), true);
    await this.#release();
    return undefined;
  }

  async #release(): Promise<void> {
    const { volumes, cgroups, images, backOff, probes } = this.#context;
    const uid = this.#pod.metadata.uid ?? '';
    probes.forget(uid);
    await volumes.tearDown(uid);
    await cgroups.remove(uid, qosClassOf(this.#pod.spec));
    this.#cgroup = undefined;
    images.forget(uid);
    backOff.forget(uid);
  }

  /** The pod is being deleted: end it, tell the API how it ended, then let the object go. */
  async #end(state: PodRunState): Promise<undefined> {
    const context = this.#context;
    const pod = this.#pod;
    const uid = pod.metadata.uid ?? '';
    context.probes.stopRestarting(uid);
    await killAllContainers(context, pod, state, {
      graceMs: this.#gone ? Math.min(gracePeriodMs(pod), 2_000) : gracePeriodMs(pod),
    });
    const ended = await this.#inspect();
    if (!this.#gone) await this.#report(ended, true);
    await stopSandboxes(context, ended);
    if (!this.#gone)
      await this.#report({ ...ended, sandboxes: ended.sandboxes.map((one) => ({ ...one, ready: false })) }, true);
    await this.#release();
    if (!this.#gone) await this.#deleteObject();
    await this.#forgetAll(ended);
    return undefined;
  }

  async #deleteObject(): Promise<void> {
    const { uid = '', name = '', namespace } = this.#pod.metadata;
    try {
      await this.#context.client.delete(pods, name, namespace, { gracePeriodSeconds: 0, uid });
    } catch (error) {
      // Gone already, or another pod has the name by now.
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
    }
  }

  async #forgetAll(state: PodRunState): Promise<void> {
    const { podLogsRoot, containerLogsRoot, status } = this.#context;
    const identity = identityOf(this.#pod);
    await removeFromRuntime(this.#context, state);
    await rm(join(podLogsRoot, logFolder(identity)), { recursive: true, force: true });
    for (const run of state.containers)
      await rm(join(containerLogsRoot, `${identity.name}_${identity.namespace}_${run.name}-${run.id}.log`), {
        force: true,
      });
    status.forget(identity.uid);
    this.#over =
      this.#gone || this.#pod.metadata.finalizers === undefined || this.#pod.metadata.finalizers.length === 0;
  }

  /** The grace period was shortened while the pod was ending: the rest of it counts from now. */
  #hurry(): void {
    const graceMs = gracePeriodMs(this.#pod);
    for (const run of this.#state?.containers ?? []) {
      if (run.state !== 'running') continue;
      stopContainer(this.#context, run.id, graceMs).catch((error: unknown) => {
        this.#context.log.warn({ err: error, container: run.id }, 'a container could not be stopped sooner');
      });
    }
  }
}
