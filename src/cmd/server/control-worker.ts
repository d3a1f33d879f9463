/** The thread in the server process that runs controllers and scheduler; everything they do goes through the API. */
import { createPrivateKey } from 'node:crypto';
import { hostname } from 'node:os';
import { type MessagePort, workerData } from 'node:worker_threads';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import { createClient } from '#client/create-client.ts';
import { connectPort } from '#client/in-process.ts';
import { startControllers } from '#controllers/run.ts';
import { createInformers } from '#reconciler/informers.ts';
import { startScheduler } from '#scheduler/run.ts';
import { releaseMemoryWhenIdle } from '../idle-memory.ts';
import { legacyTokenSigner } from './legacy-token.ts';

/** What the main thread hands over. */
export interface ControlWorkerData {
  /** To the API server. */
  readonly port: MessagePort;
  readonly controllers: readonly string[];
  readonly scheduler: boolean;
  readonly rootCaPem: string;
  /** PEM of the key that signs service-account tokens. */
  readonly tokenKey: string;
}

const data = workerData as ControlWorkerData; // only run-server.ts starts this file
const log = createLogger('control');
const connection = connectPort(data.port);
const stop = new AbortController();
data.port.on('close', () => stop.abort(new Error('the API server closed the port')));

const idle = releaseMemoryWhenIdle(systemClock);
stop.signal.addEventListener('abort', () => idle[Symbol.dispose]());

const ACCOUNTS = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'];

function clientAs(name: string, groups: readonly string[] = ['system:authenticated']) {
  return createClient(connection.as({ name, groups }), {
    userAgent: `dhow/${name.split(':').at(-1)}`,
    clock: systemClock,
  });
}

const shared = { clock: systemClock, log, randomness: systemRandomness, signal: stop.signal };
const informers = createInformers({
  client: clientAs('system:kube-controller-manager', ['system:masters']),
  ...shared,
});

await Promise.all([
  startControllers({
    clientFor: (identity) =>
      identity === 'kube-controller-manager'
        ? clientAs('system:kube-controller-manager')
        : clientAs(`system:serviceaccount:kube-system:${identity}`, ACCOUNTS),
    informers,
    selected: new Set(data.controllers),
    rootCaPem: data.rootCaPem,
    signLegacyToken: legacyTokenSigner(createPrivateKey(data.tokenKey)),
    ...shared,
  }),
  data.scheduler
    ? startScheduler({ client: clientAs('system:kube-scheduler'), informers, host: hostname(), ...shared })
    : undefined,
]);
