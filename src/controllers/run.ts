import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import { type Controller, runController } from '#reconciler/controller.ts';
import { createEventRecorder } from '#reconciler/events.ts';
import type { Informers } from '#reconciler/informers.ts';
import { kindControllers } from '#resources/controllers.ts';
import { garbageCollector } from './garbage-collector/garbage-collector.ts';
import { nodeLifecycleController } from './node-lifecycle/node-lifecycle.ts';
import { taintEvictionController } from './node-lifecycle/taint-eviction.ts';
import { podGarbageCollector } from './pod-garbage-collector.ts';
import { rootCaCertificatePublisher } from './root-ca-certificate-publisher.ts';
import { type LegacyTokenSigner, serviceAccountTokenController } from './service-account-token.ts';
import { ttlAfterFinishedController } from './ttl-after-finished.ts';

export interface ControllersOptions {
  /**
   * A client that acts as a service account in kube-system, by its name (`deployment-controller`), or, for
   * `kube-controller-manager`, as the user `system:kube-controller-manager`.
   */
  readonly clientFor: (identity: string) => Client;
  /** Shared with whatever else runs in the process; they read as an identity that may see everything. */
  readonly informers: Informers;
  readonly selected: ReadonlySet<string>;
  /** PEM of the CA that signs the API server's certificate. */
  readonly rootCaPem: string;
  /** Signs a token of a service account that lives in a Secret. Absent: token Secrets stay empty. */
  readonly signLegacyToken?: LegacyTokenSigner;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomness: Randomness;
  readonly signal: AbortSignal;
}

/** A controller that broke is started again after this long. */
const RESTART_MS = 1000;

/** Runs the selected controllers until the signal is aborted. One that breaks is started again by itself. */
export async function startControllers(options: ControllersOptions): Promise<void> {
  const chosen = allControllers(options).filter(({ name }) => options.selected.has(name));
  await Promise.all(chosen.map((controller) => keepRunning(controller, options)));
}

function allControllers({
  rootCaPem,
  signLegacyToken,
}: Pick<ControllersOptions, 'rootCaPem' | 'signLegacyToken'>): readonly Controller[] {
  return [
    ...kindControllers,
    garbageCollector,
    nodeLifecycleController,
    podGarbageCollector,
    rootCaCertificatePublisher(rootCaPem),
    ...(signLegacyToken ? [serviceAccountTokenController(rootCaPem, signLegacyToken)] : []),
    taintEvictionController,
    ttlAfterFinishedController,
  ];
}

async function keepRunning(controller: Controller, options: ControllersOptions): Promise<void> {
  const { clientFor, informers, clock, log, randomness, signal } = options;
  const identity = controller.identity ?? controller.name;
  const client = clientFor(identity);
  const ownLog = log.child({ controller: controller.name });
  const events = createEventRecorder({ client, clock, log: ownLog, component: identity });
  while (!signal.aborted) {
    try {
      await runController(controller, { client, informers, events, clock, log: ownLog, randomness, signal });
    } catch (error) {
      ownLog.error({ err: error }, 'the controller broke; starting it again');
      await clock.sleep(RESTART_MS, signal).catch(() => undefined); // Only an abort: the loop looks.
    }
  }
}
