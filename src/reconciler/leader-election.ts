import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import { formatMicroTime } from '#machinery/time.ts';
import type { Lease } from '#machinery/types/coordination-v1.ts';

export interface LeaderElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomness: Randomness;
  readonly signal: AbortSignal;
  /** Name of the Lease in `kube-system`, as upstream's: `kube-controller-manager`. */
  readonly name: string;
  /** Unique among the candidates: host name and a random part. */
  readonly identity: string;
}

const lease: ResourceRef<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/** Upstream's defaults: LeaseDuration, RenewDeadline, RetryPeriod. */
const LEASE_SECONDS = 15;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2000;
const NAMESPACE = 'kube-system';

/**
 * Runs `lead` while this process holds the Lease. Every renewal replaces the Lease at the revision that was read, so
 * of two candidates one loses; a leader that cannot renew for ten seconds aborts `lead`'s signal, five seconds before
 * another may take over. When `options.signal` is aborted the Lease is given back, so that the next need not wait.
 * Source: coordination.k8s.io/v1 Lease.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, signal, randomness, log, name, identity } = options;
  const candidate = new Candidate(options);
  while (!signal.aborted) {
    if (!(await candidate.tryToHold())) {
      await clock.sleep(RETRY_MS * (1 + randomness.fraction()), signal).catch(() => undefined); // The loop looks.
      continue;
    }
    log.info({ lease: name, identity }, 'became the leader');
    const lost = new AbortController();
    const ended = AbortSignal.any([signal, lost.signal]);
    const leading = lead(ended);
    const holding = keepHolding(candidate, clock, ended);
    try {
      await Promise.race([leading, holding]);
    } finally {
      lost.abort(new Error(`the lease ${name} was lost`));
      await holding; // A renewal under way must not undo the release.
      await leading.catch((error: unknown) => {
        if (error !== ended.reason) throw error;
      });
    }
    await candidate.release();
  }
}

/** Renews the Lease until `ended`, or until it could not be renewed in time. Never rejects. */
async function keepHolding(candidate: Candidate, clock: Clock, ended: AbortSignal): Promise<void> {
  let renewedAt = clock.now();
  while (clock.now() - renewedAt < RENEW_DEADLINE_MS) {
    await clock.sleep(RETRY_MS, ended).catch(() => undefined); // Only an abort: looked at next.
    if (ended.aborted) return;
    if (await candidate.tryToHold()) renewedAt = clock.now();
  }
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  /** The Lease as last seen, and when it was first seen so by our own clock: clocks of machines may differ. */
  #observed: { readonly lease: Lease; readonly at: number } | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  /** Whether the Lease is held after this. */
  async tryToHold(): Promise<boolean> {
    const { log, signal } = this.#options;
    try {
      return await this.#hold();
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'could not take or renew the leader lease');
      return false;
    }
  }

  async release(): Promise<void> {
    const held = this.#observed?.lease;
    if (held?.spec.holderIdentity !== this.#options.identity) return;
    const now = formatMicroTime(this.#options.clock.now());
    const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    try {
      await this.#options.client.update(lease, { ...held, spec });
    } catch (error) {
      this.#options.log.debug({ err: error }, 'could not give back the leader lease; it will run out');
    }
    this.#observed = undefined;
  }

  async #hold(): Promise<boolean> {
    const { client, clock, name, identity } = this.#options;
    const now = clock.now();
    const current = await this.#read();
    const time = formatMicroTime(now);
    const mine = { holderIdentity: identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: time };
    if (!current) {
      const metadata = { name, namespace: NAMESPACE };
      const created = await client.create(lease, {
        metadata,
        spec: { ...mine, acquireTime: time, leaseTransitions: 0 },
      });
      this.#observed = { lease: created, at: now };
      return true;
    }
    const held = current.spec.holderIdentity === identity;
    if (!held && current.spec.holderIdentity && !this.#hasRunOut(current, now)) return false;
    const spec = held
      ? { ...current.spec, ...mine }
      : { ...current.spec, ...mine, acquireTime: time, leaseTransitions: (current.spec.leaseTransitions ?? 0) + 1 };
    this.#observed = { lease: await client.update(lease, { ...current, spec }), at: now };
    return true;
  }

  /** While it is ours the last answer is good enough to renew from: a stale revision is refused. */
  async #read(): Promise<Lease | undefined> {
    const { client, clock, name, identity } = this.#options;
    const known = this.#observed?.lease;
    this.#observed = known?.spec.holderIdentity === identity ? undefined : this.#observed;
    if (known?.spec.holderIdentity === identity) return known;
    const found = await client.get(lease, name, NAMESPACE).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    if (found && found.metadata.resourceVersion !== this.#observed?.lease.metadata.resourceVersion) {
      this.#observed = { lease: found, at: clock.now() };
    }
    return found;
  }

  #hasRunOut({ spec }: Lease, now: number): boolean {
    const at = this.#observed?.at ?? now;
    return now - at > (spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1000;
  }
}
